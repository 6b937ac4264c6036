import type { FileEntry, FileType } from '../../filetree/contract';
import type { LayerEntry } from '../contract';
import type { StoredMember } from './layer-member';

/** Raised whenever the rows below change; an index of another version is made anew from its tar. */
const indexVersion = 1;

const kinds = ['entry', 'hardlink', 'whiteout', 'opaque'] as const;
const types: readonly FileType[] = ['file', 'directory', 'symlink', 'char', 'block', 'fifo'];

/** One member; whiteouts and opaque markers stop after the path. */
type Row = readonly [
  kind: number,
  path: string,
  type?: number,
  mode?: number,
  uid?: number,
  gid?: number,
  mtimeNs?: string,
  size?: number,
  dataOffset?: number,
  target?: string,
  device?: readonly [major: number, minor: number] | null,
  xattrs?: Readonly<Record<string, string>>,
];

interface IndexFile {
  readonly version: number;
  readonly tarBytes: number;
  readonly members: readonly Row[];
}

/** The members of a layer as the file beside its tar, so that a tree can be made without reading the tar. */
export function serializeIndex(tarBytes: number, members: readonly StoredMember[]): string {
  const file: IndexFile = { version: indexVersion, tarBytes, members: members.map(toRow) };
  return JSON.stringify(file);
}

/** Undefined where `text` is no index for a tar of `tarBytes`, so that the caller scans the tar instead. */
export function parseIndex(text: string, tarBytes: number): readonly StoredMember[] | undefined {
  try {
    const file = JSON.parse(text) as Partial<IndexFile> | null;
    if (file?.version !== indexVersion || file.tarBytes !== tarBytes || !Array.isArray(file.members)) return undefined;
    return (file.members as readonly Row[]).map(fromRow);
  } catch {
    return undefined;
  }
}

function toRow({ member, dataOffset }: StoredMember): Row {
  const kind = kinds.indexOf(member.kind);
  if (member.kind === 'whiteout' || member.kind === 'opaque') return [kind, member.path];
  const { entry } = member;
  const target = member.kind === 'hardlink' ? member.target : (entry.linkTarget ?? '');
  const device = entry.devMajor === undefined ? null : ([entry.devMajor, entry.devMinor ?? 0] as const);
  const row: Row = [
    kind,
    entry.path,
    types.indexOf(entry.type),
    entry.mode,
    entry.uid,
    entry.gid,
    entry.mtimeNs.toString(),
    entry.size,
    dataOffset,
    target,
    device,
  ];
  if (!entry.xattrs) return row;
  const xattrs = Object.fromEntries([...entry.xattrs].map(([name, value]) => [name, value.toString('base64')]));
  return [...row, xattrs] as unknown as Row;
}

function fromRow(row: Row): StoredMember {
  const [kind, path, type = 0, mode = 0, uid = 0, gid = 0, mtimeNs = '0', size = 0, dataOffset = 0, target = ''] = row;
  const device = row[10];
  const xattrs = row[11];
  const entry: FileEntry = {
    path,
    type: types[type] ?? 'file',
    mode,
    uid,
    gid,
    mtimeNs: BigInt(mtimeNs),
    size,
    ...(types[type] === 'symlink' && { linkTarget: target }),
    ...(device && { devMajor: device[0], devMinor: device[1] }),
    ...(xattrs && { xattrs: new Map(Object.entries(xattrs).map(([k, v]) => [k, Buffer.from(v, 'base64')])) }),
  };
  return { member: memberOf(kinds[kind], entry, target), dataOffset };
}

function memberOf(kind: (typeof kinds)[number] | undefined, entry: FileEntry, target: string): LayerEntry {
  switch (kind) {
    case 'whiteout':
    case 'opaque':
      return { kind, path: entry.path };
    case 'hardlink':
      return { kind, entry, target };
    case 'entry':
      return { kind, entry };
    case undefined:
      throw new Error('unknown kind of member');
  }
}
