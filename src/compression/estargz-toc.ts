import type { TarHeader } from '../filetree/tar/tar-header';
import type { Digest } from '../oci/digest';

/** The name under which the table of contents lies in the tar; no other file may have it. */
export const tocName = 'stargz.index.json';

/** Annotations that a reader of estargz finds on the layer's descriptor. */
export const estargzAnnotations = {
  /** Digest of the table of contents, which vouches for every chunk. */
  tocDigest: 'containerd.io/snapshot/stargz/toc.digest',
  /** Bytes of everything decompressed, the table of contents included. */
  uncompressedSize: 'io.containers.estargz.uncompressed-size',
  /** Digest of everything decompressed, the table of contents included: the diffID of the blob, not of the layer. */
  diffId: 'containerd.io/uncompressed',
} as const;

type TocType = 'dir' | 'reg' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo' | 'chunk';

/**
 * A line of the table of contents (stargz-snapshotter, docs/estargz.md). Those of files say where their chunks start;
 * chunks after the first one have lines of type `chunk`. What is zero or empty is left out.
 */
export interface TocEntry {
  readonly name: string;
  readonly type: TocType;
  readonly size?: number;
  readonly modtime?: string;
  readonly linkName?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Where the gzip member of the chunk starts in the blob. */
  offset?: number;
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Of the whole file. */
  digest?: Digest;
  readonly chunkOffset?: number;
  /** Not given for the last chunk, which goes to the end of the file. */
  readonly chunkSize?: number;
  chunkDigest?: Digest;
}

const types: Readonly<Record<TarHeader['type'], TocType>> = {
  directory: 'dir',
  file: 'reg',
  symlink: 'symlink',
  hardlink: 'hardlink',
  char: 'char',
  block: 'block',
  fifo: 'fifo',
};

/** The line for a member of the tar. */
export function tocEntryOf(header: TarHeader): TocEntry {
  const { name, type, size, linkName, mode, uid, gid, devMajor, devMinor, xattrs } = header;
  const modtime = formatTime(header.mtimeNs);
  const isDevice = type === 'char' || type === 'block';
  return {
    name,
    type: types[type],
    ...(size > 0 && { size }),
    ...(modtime !== undefined && { modtime }),
    ...(linkName !== '' && { linkName }),
    ...(mode !== 0 && { mode }),
    ...(uid !== 0 && { uid }),
    ...(gid !== 0 && { gid }),
    ...(isDevice && devMajor !== 0 && { devMajor }),
    ...(isDevice && devMinor !== 0 && { devMinor }),
    ...(xattrs !== undefined && { xattrs: base64Values(xattrs) }),
  };
}

/** The table of contents as JSON, in pieces of bounded size. */
export function serializeToc(entries: readonly TocEntry[]): Buffer[] {
  const pieces = [Buffer.from('{"version":1,"entries":[\n')];
  for (let start = 0; start < entries.length; start += entriesPerPiece) {
    const lines = entries.slice(start, start + entriesPerPiece).map((entry) => JSON.stringify(entry));
    pieces.push(Buffer.from(`${start === 0 ? '' : ',\n'}${lines.join(',\n')}`));
  }
  return [...pieces, Buffer.from('\n]}\n')];
}

const entriesPerPiece = 1024;

const nanosecondsPerSecond = 1_000_000_000n;
/** 9999-12-31T23:59:59Z: the last second that RFC 3339 can write. */
const lastSecond = 253_402_300_799n;

/** RFC 3339 in whole seconds; undefined for the epoch itself, which stands for "unknown", and for what has no form. */
function formatTime(mtimeNs: bigint): string | undefined {
  const seconds = (mtimeNs + nanosecondsPerSecond / 2n) / nanosecondsPerSecond;
  if (seconds <= 0n || seconds > lastSecond) return undefined;
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

function base64Values(xattrs: ReadonlyMap<string, Buffer>): Record<string, string> {
  return Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString('base64')]));
}
