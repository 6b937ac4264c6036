import type { LayerEntry } from '../contract';
import type { FileEntry, FileType } from '../../filetree/contract';
import { cleanPath, joinPaths, parentPath, baseName, splitPath } from '../../filetree/paths';
import { MAX_NAME_BYTES } from '../../filetree/tar/tar-format';
import type { TarHeader, TarMember } from '../../filetree/tar/tar-header';
import { CodedError } from '../../diagnostics/coded-error';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A member of a layer that would reach out of the root, or that no file system could hold. */
    LAYER_MEMBER_REFUSED: { readonly name: string; readonly reason: string };
  }
}

/** OCI image-spec, layer.md, "Whiteouts": a name with this prefix deletes the name behind the prefix. */
export const whiteoutPrefix = '.wh.';
/** An empty file of this name hides all that lower layers have in its directory. */
export const opaqueMarker = '.wh..wh..opq';

/** A member of a stored layer and where its content lies in the tar. */
export interface StoredMember {
  readonly member: LayerEntry;
  readonly dataOffset: number;
}

/**
 * What a tar's member means in a layer. Names are taken relative to the root, `./` and leading slashes dropped. Undefined
 * for the root directory itself, which container runtimes leave as it is. Throws `LAYER_MEMBER_REFUSED`.
 */
export function toLayerMember({ header, dataOffset }: TarMember): StoredMember | undefined {
  const path = safePath(header.name);
  if (path === '') {
    if (header.type === 'directory') return undefined;
    throw refused(header.name, 'it would replace the root');
  }
  const directory = parentPath(path);
  const name = baseName(path);
  if (name === opaqueMarker) return { member: { kind: 'opaque', path: directory }, dataOffset };
  if (name.startsWith(whiteoutPrefix)) {
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw refused(header.name, 'it is no valid whiteout');
    return { member: { kind: 'whiteout', path: joinPaths(directory, hidden) }, dataOffset };
  }
  if (header.type === 'hardlink') {
    const target = safePath(header.linkName, header.name);
    if (target === '' || target === path) throw refused(header.name, 'it links to itself or to the root');
    return { member: { kind: 'hardlink', entry: entryOf(header, path, 'file'), target }, dataOffset };
  }
  if (header.type === 'symlink' && header.linkName === '') throw refused(header.name, 'it is a link to nothing');
  return { member: { kind: 'entry', entry: entryOf(header, path, header.type) }, dataOffset };
}

/** The tar header that stands for a member. Throws `LAYER_MEMBER_REFUSED` for names that readers take for whiteouts. */
export function toTarHeader(member: LayerEntry): TarHeader {
  switch (member.kind) {
    case 'whiteout':
      return markerHeader(joinPaths(parentPath(member.path), whiteoutPrefix + baseName(member.path)));
    case 'opaque':
      return markerHeader(joinPaths(member.path, opaqueMarker));
    case 'hardlink':
      return { ...entryHeader(member.entry), type: 'hardlink', size: 0, linkName: member.target };
    case 'entry':
      return entryHeader(member.entry);
  }
}

function entryHeader(entry: FileEntry): TarHeader {
  if (baseName(entry.path).startsWith(whiteoutPrefix)) {
    throw refused(entry.path, `names that start with "${whiteoutPrefix}" delete files in image layers`);
  }
  return {
    name: entry.type === 'directory' ? `${entry.path}/` : entry.path,
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.type === 'file' ? entry.size : 0,
    mtimeNs: entry.mtimeNs,
    linkName: entry.linkTarget ?? '',
    devMajor: entry.devMajor ?? 0,
    devMinor: entry.devMinor ?? 0,
    ...(entry.xattrs && { xattrs: entry.xattrs }),
  };
}

function markerHeader(name: string): TarHeader {
  const nobody = { mode: 0, uid: 0, gid: 0, size: 0, mtimeNs: 0n, linkName: '', devMajor: 0, devMinor: 0 };
  return { name, type: 'file', ...nobody };
}

/** The entry that a header describes, at `path`. */
export function entryOf(header: TarHeader, path: string, type: FileType): FileEntry {
  const isDevice = type === 'char' || type === 'block';
  return {
    path,
    type,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    mtimeNs: header.mtimeNs,
    size: header.size,
    ...(type === 'symlink' && { linkTarget: header.linkName }),
    ...(isDevice && { devMajor: header.devMajor, devMinor: header.devMinor }),
    ...(header.xattrs && { xattrs: header.xattrs }),
  };
}

/** The clean path of a member's name, refused if `..` climbs above the root or a component is too long. */
export function safePath(name: string, member: string = name): string {
  let depth = 0;
  for (const part of name.split('/')) {
    if (part === '..' && --depth < 0) throw refused(member, 'it reaches out of the root');
    if (part !== '' && part !== '.' && part !== '..') depth++;
  }
  const path = cleanPath(name);
  for (const part of splitPath(path)) {
    if (part.length > MAX_NAME_BYTES || Buffer.byteLength(part) > MAX_NAME_BYTES)
      throw refused(member, 'name too long');
  }
  return path;
}

function refused(name: string, reason: string): CodedError<'LAYER_MEMBER_REFUSED'> {
  const shown = JSON.stringify(name);
  return new CodedError('LAYER_MEMBER_REFUSED', `layer member ${shown} refused: ${reason}`, { name, reason });
}
