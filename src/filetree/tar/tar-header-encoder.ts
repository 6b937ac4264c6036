import { encodePathBytes } from '../path-bytes';
import { formatPaxRecords } from './pax-records';
import { BLOCK_BYTES, field, paddingOf, ustarMagic, xattrRecordPrefix, type FieldName } from './tar-format';
import type { TarHeader } from './tar-header';
import { formatOctal, wholeSeconds } from './tar-number';

const flagOf: Readonly<Record<TarHeader['type'], string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Where a number does not fit, its field stays zero and a pax record with this key has it. */
const paxKeys: Partial<Record<FieldName, string>> = { uid: 'uid', gid: 'gid', size: 'size', mtime: 'mtime' };

/**
 * The header of a member, with a pax header before it only where ustar cannot say it: the bytes that Go's archive/tar
 * gives in its pax format, which is what containerd writes. Times are cut to whole seconds, as containerd does; there
 * are no user and group names.
 */
export function encodeHeader(header: TarHeader): Buffer {
  const records = new Map<string, Buffer>();
  const block = newBlock(flagOf[header.type]);
  putPath(block, 'name', header.name, records);
  putPath(block, 'linkName', header.linkName, records);
  putNumber(block, 'mode', header.mode, records);
  putNumber(block, 'uid', header.uid, records);
  putNumber(block, 'gid', header.gid, records);
  putNumber(block, 'size', header.size, records);
  putNumber(block, 'mtime', wholeSeconds(header.mtimeNs), records);
  putNumber(block, 'devMajor', header.devMajor, records);
  putNumber(block, 'devMinor', header.devMinor, records);
  for (const [name, value] of header.xattrs ?? []) records.set(xattrRecordPrefix + name, value);
  return records.size === 0 ? seal(block) : Buffer.concat([encodePaxHeader(header.name, records), seal(block)]);
}

/** The end marker. */
export const endOfTar: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

function encodePaxHeader(name: string, records: ReadonlyMap<string, Buffer>): Buffer {
  const body = formatPaxRecords(records);
  const block = newBlock('x');
  const slash = name.replace(/\/+$/, '').lastIndexOf('/');
  const [directory, base] = [name.slice(0, slash + 1), name.slice(slash + 1)];
  const paxName = asAscii(`${directory}PaxHeaders.0/${base}`).slice(0, field.name[1]).replace(/\/+$/, '');
  block.write(paxName, 0, 'latin1');
  for (const zero of ['mode', 'uid', 'gid', 'mtime'] as const) putNumber(block, zero, 0, new Map());
  putNumber(block, 'size', body.length, new Map());
  return Buffer.concat([seal(block), body, Buffer.alloc(paddingOf(body.length))]);
}

function newBlock(flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(flag, field.typeFlag[0], 'latin1');
  block.write(ustarMagic, field.magic[0], 'latin1');
  return block;
}

function putPath(block: Buffer, name: 'name' | 'linkName', path: string, records: Map<string, Buffer>): void {
  const bytes = encodePathBytes(path);
  const [start, length] = field[name];
  const ascii = asAscii(path);
  block.write(ascii.slice(0, length), start, 'latin1');
  if (bytes.length > length || ascii.length !== path.length) records.set(name === 'name' ? 'path' : 'linkpath', bytes);
}

function putNumber(block: Buffer, name: FieldName, value: number, records: Map<string, Buffer>): void {
  const [start, length] = field[name];
  const text = formatOctal(value, length);
  block.write(text ?? formatOctal(0, length) ?? '', start, 'latin1');
  if (text !== undefined) return;
  const key = paxKeys[name];
  if (key === undefined) throw new RangeError(`${name} ${value} does not fit into a tar`);
  records.set(key, Buffer.from(String(value)));
}

function asAscii(text: string): string {
  return text.replace(/[^\u0000-\u007f]/g, '');
}

function seal(block: Buffer): Buffer {
  const [start, length] = field.checksum;
  block.fill(0x20, start, start + length);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, start, 'latin1');
  return block;
}
