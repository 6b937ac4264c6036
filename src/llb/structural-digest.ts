import { createHash, type Hash } from 'node:crypto';
import { finishDigest, type Digest } from '../oci/digest';

/**
 * A digest over a value's structure: equal for equal values whatever the order of an object's keys, and different for
 * different ones, because every part is written with its type and its length. Keys whose value is undefined do not count.
 */
export function structuralDigest(value: unknown): Digest {
  const hash = createHash('sha256');
  write(hash, value);
  return finishDigest(hash);
}

function write(hash: Hash, value: unknown): void {
  if (typeof value === 'string') writeBytes(hash, 's', Buffer.from(value));
  else if (typeof value === 'number' || typeof value === 'bigint') writeBytes(hash, 'n', Buffer.from(String(value)));
  else if (typeof value === 'boolean') writeBytes(hash, value ? 't' : 'f', Buffer.alloc(0));
  else if (value === undefined || value === null) writeBytes(hash, 'u', Buffer.alloc(0));
  else if (value instanceof Uint8Array) writeBytes(hash, 'b', value);
  else if (Array.isArray(value)) writeItems(hash, value);
  else if (typeof value === 'object') writeEntries(hash, value);
  else throw new Error(`a ${typeof value} has no structural digest`);
}

function writeItems(hash: Hash, items: readonly unknown[]): void {
  hash.update(`a${items.length}:`);
  for (const item of items) write(hash, item);
}

function writeEntries(hash: Hash, value: object): void {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(`o${entries.length}:`);
  for (const [key, item] of entries) {
    writeBytes(hash, 'k', Buffer.from(key));
    write(hash, item);
  }
}

function writeBytes(hash: Hash, type: string, bytes: Uint8Array): void {
  hash.update(`${type}${bytes.length}:`);
  hash.update(bytes);
}
