import { decodePathBytes } from '../path-bytes';
import {
  field,
  gnuMagic,
  MAX_ID,
  MAX_PATH_BYTES,
  tarInvalid,
  ustarMagic,
  xattrRecordPrefix,
  type FieldName,
} from './tar-format';
import { typeFlags, type TarHeader } from './tar-header';
import { parsePaxTime, parseTarNumber, secondsToNs } from './tar-number';

/** What the meta members before a header said about it. */
export interface PendingMeta {
  readonly pax?: ReadonlyMap<string, Buffer>;
  readonly gnuName?: Buffer;
  readonly gnuLinkName?: Buffer;
}

/** A header block whose checksum is right, before anything overrides it. */
export interface RawHeader {
  readonly block: Buffer;
  readonly offset: number;
  readonly typeFlag: string;
  /** As the block itself says; what meta members are measured by, whatever a pax record claims. */
  readonly size: number;
}

/** Checks a block's checksum and reads what decides how the bytes after it are to be taken. */
export function decodeRawHeader(block: Buffer, offset: number): RawHeader {
  const expected = parseTarNumber(slice(block, 'checksum'));
  const sums = checksums(block);
  if (expected === undefined || (expected !== sums.unsigned && expected !== sums.signed)) {
    throw tarInvalid('wrong header checksum', offset);
  }
  const size = parseTarNumber(slice(block, 'size'));
  if (size === undefined || size < 0) throw tarInvalid('bad size', offset);
  return { block, offset, typeFlag: slice(block, 'typeFlag').toString('latin1'), size };
}

/**
 * The member that a header block stands for. pax records win over the block, a GNU long name over both, an empty pax
 * value takes a record back: the rules of Go's archive/tar, so that we see what container runtimes see.
 */
export function decodeHeader(raw: RawHeader, meta: PendingMeta): TarHeader {
  const { block, offset } = raw;
  const pax = meta.pax ?? new Map<string, Buffer>();
  refuseSparse(pax, offset);
  const isUstar = slice(block, 'magic').toString('latin1') === ustarMagic;
  const hasDevices = isUstar || slice(block, 'magic').toString('latin1') === gnuMagic;
  const name = meta.gnuName ?? paxBytes(pax, 'path') ?? blockName(block, isUstar);
  const linkName = meta.gnuLinkName ?? paxBytes(pax, 'linkpath') ?? cString(slice(block, 'linkName'));
  const type = memberType(raw.typeFlag, name, offset);
  const size = paxNumber(pax, 'size', offset) ?? raw.size;
  const xattrs = xattrsOf(pax);
  return {
    name: pathText(name, offset),
    type,
    mode: number(block, 'mode', offset) & 0o7777,
    uid: identity(paxNumber(pax, 'uid', offset) ?? number(block, 'uid', offset), offset),
    gid: identity(paxNumber(pax, 'gid', offset) ?? number(block, 'gid', offset), offset),
    size: type === 'file' ? size : 0,
    mtimeNs: paxTime(pax, offset) ?? secondsToNs(number(block, 'mtime', offset)),
    linkName: pathText(linkName, offset),
    devMajor: hasDevices ? number(block, 'devMajor', offset) : 0,
    devMinor: hasDevices ? number(block, 'devMinor', offset) : 0,
    ...(xattrs.size > 0 && { xattrs }),
  };
}

/** A NUL-terminated string of a meta member, such as a GNU long name. */
export function cString(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

function slice(block: Buffer, name: FieldName): Buffer {
  const [start, length] = field[name];
  return block.subarray(start, start + length);
}

/** Old tars summed signed bytes; both sums take the checksum field itself as spaces. */
function checksums(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  const [start, length] = field.checksum;
  let unsigned = 0;
  let high = 0;
  for (let index = 0; index < block.length; index++) {
    const inside = index >= start && index < start + length;
    const byte = inside ? 0x20 : (block[index] ?? 0);
    unsigned += byte;
    if (byte > 0x7f) high++;
  }
  return { unsigned, signed: unsigned - high * 0x100 };
}

function memberType(flag: string, name: Buffer, offset: number): TarHeader['type'] {
  const type = typeFlags[flag];
  if (type === undefined) {
    throw tarInvalid(flag === 'S' ? 'sparse files are not supported' : `unknown type ${JSON.stringify(flag)}`, offset);
  }
  return type === 'file' && flag !== '7' && name.at(-1) === 0x2f ? 'directory' : type;
}

function blockName(block: Buffer, isUstar: boolean): Buffer {
  const name = cString(slice(block, 'name'));
  const prefix = isUstar ? cString(slice(block, 'prefix')) : Buffer.alloc(0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function pathText(bytes: Buffer, offset: number): string {
  if (bytes.length > MAX_PATH_BYTES) throw tarInvalid(`path of ${bytes.length} bytes`, offset);
  if (bytes.includes(0)) throw tarInvalid('NUL in a path', offset);
  return decodePathBytes(bytes);
}

function number(block: Buffer, name: FieldName, offset: number): number {
  const value = parseTarNumber(slice(block, name));
  if (value === undefined) throw tarInvalid(`bad number in ${name}`, offset);
  return value;
}

function identity(value: number, offset: number): number {
  if (value < 0 || value > MAX_ID) throw tarInvalid(`owner ${value} out of range`, offset);
  return value;
}

function paxBytes(pax: ReadonlyMap<string, Buffer>, key: string): Buffer | undefined {
  const value = pax.get(key);
  return value && value.length > 0 ? value : undefined;
}

function paxNumber(pax: ReadonlyMap<string, Buffer>, key: string, offset: number): number | undefined {
  const text = paxBytes(pax, key)?.toString('latin1');
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw tarInvalid(`bad pax ${key}`, offset);
  return value;
}

function paxTime(pax: ReadonlyMap<string, Buffer>, offset: number): bigint | undefined {
  const text = paxBytes(pax, 'mtime')?.toString('latin1');
  if (text === undefined) return undefined;
  const value = parsePaxTime(text);
  if (value === undefined) throw tarInvalid('bad pax mtime', offset);
  return value;
}

function refuseSparse(pax: ReadonlyMap<string, Buffer>, offset: number): void {
  for (const key of pax.keys()) {
    if (key.startsWith('GNU.sparse.')) throw tarInvalid('sparse files are not supported', offset);
  }
}

function xattrsOf(pax: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (key.startsWith(xattrRecordPrefix)) xattrs.set(key.slice(xattrRecordPrefix.length), value);
  }
  return xattrs;
}
