import { CodedError } from '../../diagnostics/coded-error';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** Bytes that are no tar, or a tar that asks for something that is refused. `offset` counts from its first byte. */
    TAR_INVALID: { readonly reason: string; readonly offset: number };
  }
}

/** POSIX.1-2017 pax(1), "ustar Interchange Format": headers and content fill whole blocks. */
export const BLOCK_BYTES = 512;

/** Where each field of a header block lies: offset and length. */
export const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeFlag: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  userName: [265, 32],
  groupName: [297, 32],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

export type FieldName = keyof typeof field;

export const ustarMagic = 'ustar\u000000';
export const gnuMagic = 'ustar  \u0000';

/** Prefix of a pax record that holds an extended attribute. */
export const xattrRecordPrefix = 'SCHILY.xattr.';

/** Bytes of a pax header or GNU long name; what Go's archive/tar accepts, too. */
export const MAX_META_BYTES = 1024 * 1024;
/** Bytes of a path or link target: Linux's PATH_MAX. */
export const MAX_PATH_BYTES = 4096;
/** Bytes of one name in a path: Linux's NAME_MAX. */
export const MAX_NAME_BYTES = 255;
/** Members of one archive; a distribution with everything installed has a tenth. */
export const MAX_MEMBERS = 4_000_000;
/** Ids that a kernel can hold; the last one means "no change" to chown. */
export const MAX_ID = 0xffff_fffe;

/** The padding after `size` bytes of content. */
export function paddingOf(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

export function tarInvalid(reason: string, offset: number): CodedError<'TAR_INVALID'> {
  return new CodedError('TAR_INVALID', `invalid tar at byte ${offset}: ${reason}`, { reason, offset });
}
