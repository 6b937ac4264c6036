import { createHash } from 'node:crypto';
import { decompress } from '../../src/compression/decompress';
import type { BlobReader, ContentStore } from '../../src/content/contract';
import type { TarMember } from '../../src/filetree/tar/tar-header';
import { TarScanner } from '../../src/filetree/tar/tar-scanner';
import type { Descriptor } from '../../src/oci/descriptor';
import type { Digest } from '../../src/oci/digest';
import type { ImageConfig } from '../../src/oci/image-config';
import { parseImageIndex, parseImageManifest } from '../../src/oci/manifest';
import { isIndex } from '../../src/oci/media-types';
import { parseImageConfig } from '../../src/oci/parse-image-config';

/** What is compared of a file: all but its time. */
export interface ImageFile {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  /** SHA-256 of the content, for files. */
  readonly content?: string;
  readonly link?: string;
  /** All paths of a file that has several, sorted. */
  readonly hardLinks?: readonly string[];
  readonly xattrs?: Readonly<Record<string, string>>;
}

export interface UnpackedImage {
  readonly config: ImageConfig;
  /** By path, without a slash at either end. */
  readonly files: Readonly<Record<string, ImageFile>>;
}

/**
 * Unpacks an image of one platform in memory, layer over layer with whiteouts, apart from the code that builds use.
 * Fails if a layer's bytes are not what the config's diffID says.
 */
export async function unpackImage(store: ContentStore, reference: string): Promise<UnpackedImage> {
  let stored = await store.getManifest(reference);
  if (stored && isIndex(stored.descriptor.mediaType)) {
    const [only] = parseImageIndex(stored.bytes).manifests;
    stored = only && (await store.getManifest(only.digest));
  }
  if (!stored) throw new Error(`there is no image ${reference} in ${store.name}`);
  const manifest = parseImageManifest(stored.bytes);
  const config = parseImageConfig(await readBlob(store, manifest.config));
  const files = new Map<string, ImageFile>();
  for (const [index, layer] of manifest.layers.entries()) {
    const tar = await readLayer(store, layer);
    const expected = config.rootfs.diff_ids[index];
    if (digestOfTar(tar) !== expected) throw new Error(`layer ${index} of ${reference} is not ${String(expected)}`);
    applyLayer(files, tar);
  }
  const named = withHardLinks(files);
  return { config, files: Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** Paths that stand for one file share one object. */
function withHardLinks(files: ReadonlyMap<string, ImageFile>): ReadonlyMap<string, ImageFile> {
  const paths = new Map<ImageFile, string[]>();
  for (const [path, file] of files) paths.set(file, [...(paths.get(file) ?? []), path]);
  return new Map(
    [...files].map(([path, file]) => {
      const all = paths.get(file) ?? [];
      return [path, all.length > 1 ? { ...file, hardLinks: all.sort() } : file];
    }),
  );
}

/** The tar of a layer, whatever it is packed with. */
export async function readLayer(store: BlobReader, layer: Descriptor): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(await store.open(layer))) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function digestOfTar(tar: Buffer): Digest {
  return `sha256:${createHash('sha256').update(tar).digest('hex')}` as Digest;
}

export async function readBlob(store: BlobReader, descriptor: Descriptor): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await store.open(descriptor)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function applyLayer(files: Map<string, ImageFile>, tar: Buffer): void {
  const members: TarMember[] = [];
  const scanner = new TarScanner((member) => members.push(member));
  scanner.push(tar);
  scanner.end();
  // Whiteouts say what lower layers lose, wherever in the archive they stand.
  for (const { header } of members) {
    const { directory, base } = split(pathOf(header.name));
    if (base === '.wh..wh..opq') removeBelow(files, directory);
    else if (base.startsWith('.wh.')) removeTree(files, join(directory, base.slice('.wh.'.length)));
  }
  for (const { header, dataOffset } of members) {
    const path = pathOf(header.name);
    if (path === '' || split(path).base.startsWith('.wh.')) continue;
    if (header.type === 'hardlink') {
      const target = files.get(pathOf(header.linkName));
      if (!target) throw new Error(`${path} is a hard link to nothing`);
      files.set(path, target);
      continue;
    }
    if (header.type !== 'directory') removeBelow(files, path);
    files.set(path, {
      type: header.type,
      mode: header.mode.toString(8),
      owner: `${header.uid}:${header.gid}`,
      ...(header.type === 'file' && { content: digestOfTar(tar.subarray(dataOffset, dataOffset + header.size)) }),
      ...(header.linkName !== '' && { link: header.linkName }),
      ...(header.xattrs && {
        xattrs: Object.fromEntries([...header.xattrs].map(([name, value]) => [name, value.toString('hex')])),
      }),
    });
  }
}

function pathOf(name: string): string {
  return name
    .replace(/^(?:\.?\/)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '');
}

function split(path: string): { readonly directory: string; readonly base: string } {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, Math.max(slash, 0)), base: path.slice(slash + 1) };
}

function join(directory: string, base: string): string {
  return directory === '' ? base : `${directory}/${base}`;
}

function removeTree(files: Map<string, ImageFile>, path: string): void {
  files.delete(path);
  removeBelow(files, path);
}

function removeBelow(files: Map<string, ImageFile>, path: string): void {
  for (const name of [...files.keys()]) if (path === '' || name.startsWith(`${path}/`)) files.delete(name);
}
