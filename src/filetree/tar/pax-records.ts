/**
 * Reads the records of a pax extended header: `<length> <key>=<value>\n` each, the length counting the whole record.
 * Of equal keys the last one counts. Values stay bytes because extended attributes are binary. Undefined if malformed.
 */
export function parsePaxRecords(body: Buffer): Map<string, Buffer> | undefined {
  const records = new Map<string, Buffer>();
  for (let start = 0; start < body.length;) {
    const space = body.indexOf(0x20, start);
    if (space === -1 || space - start > 10) return undefined;
    const digits = body.toString('latin1', start, space);
    const end = start + Number(digits);
    if (!/^[1-9]\d*$/.test(digits) || end > body.length || body[end - 1] !== 0x0a) return undefined;
    const equals = body.indexOf(0x3d, space + 1);
    if (equals <= space + 1 || equals >= end) return undefined;
    const key = body.toString('utf8', space + 1, equals);
    const value = body.subarray(equals + 1, end - 1);
    if (key.includes('\0') || (!isBinary(key) && value.includes(0))) return undefined;
    records.set(key, Buffer.from(value));
    start = end;
  }
  return records;
}

/** Extended attributes may hold any byte; other values end up in C strings and paths. */
function isBinary(key: string): boolean {
  return key.startsWith('SCHILY.xattr.');
}

/** The body of a pax extended header with its records sorted by key. */
export function formatPaxRecords(records: ReadonlyMap<string, Buffer>): Buffer {
  const sorted = [...records].sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  return Buffer.concat(sorted.map(([key, value]) => formatPaxRecord(key, value)));
}

function formatPaxRecord(key: string, value: Buffer): Buffer {
  const prefix = Buffer.from(` ${key}=`);
  const rest = prefix.length + value.length + 1;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), prefix, value, Buffer.from('\n')]);
}
