import { createHash } from 'node:crypto';
import type { StageKey } from './stage-tags';

/** Changes whenever the meaning of a key does, so that refs of different versions never mix. */
export const keyFormat = 'nx-registry-cache/stage-key/1';

const keyCharacters = 32;

/** What a key can be made of. Lists and records keep apart what their elements would give run together. */
export type Field = string | number | boolean | undefined | Uint8Array | readonly Field[] | FieldRecord;
export interface FieldRecord {
  readonly [name: string]: Field;
}

/**
 * The key of some fields: 128 bits of a SHA-256 over the format, what the key is for, and each field with its type and
 * length in front, so that no two different inputs are the same bytes. Names of records are sorted.
 */
export function keyOf(purpose: string, fields: FieldRecord): StageKey {
  const hash = createHash('sha256');
  const write = (type: string, bytes: Uint8Array): void => {
    hash.update(`${type}${bytes.length}:`);
    hash.update(bytes);
  };
  const visit = (field: Field): void => {
    if (field === undefined) write('u', new Uint8Array());
    else if (field instanceof Uint8Array) write('b', field);
    else if (typeof field === 'object' && isList(field)) {
      hash.update(`l${field.length}:`);
      field.forEach(visit);
    } else if (typeof field === 'object') {
      const names = Object.keys(field).sort();
      hash.update(`r${names.length}:`);
      for (const name of names) {
        write('n', Buffer.from(name));
        visit(field[name]);
      }
    } else write(typeof field === 'string' ? 's' : typeof field === 'number' ? 'i' : 'o', Buffer.from(String(field)));
  };
  visit([keyFormat, purpose, fields]);
  return hash.digest('hex').slice(0, keyCharacters) as StageKey;
}

function isList(field: object): field is readonly Field[] {
  return Array.isArray(field);
}
