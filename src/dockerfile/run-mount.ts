import { nearestWord } from '../diagnostics/nearest-word';
import type { MountSharing, RunMount } from './ast';
import { parseByteSize } from './byte-size';
import { splitCsvFields } from './csv';
import type { Expansion } from './expand';
import { checkMount } from './mount-rules';
import { didYouMean } from './problem';

const MOUNT_TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const satisfies readonly RunMount['type'][];
const SHARING_MODES = ['shared', 'private', 'locked'] as const satisfies readonly MountSharing[];
const MAX_UINT32 = 2 ** 32 - 1;

/** Attributes that need no value. */
const SWITCHES: readonly string[] = ['readonly', 'readwrite', 'required'];

const SYNONYMS: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};

const ATTRIBUTES: readonly string[] = [
  ...['type', 'from', 'source', 'target', 'readonly', 'readwrite', 'id', 'sharing', 'required', 'size', 'mode'],
  ...['uid', 'gid', 'env', ...Object.keys(SYNONYMS)],
];

export interface MountProblem {
  readonly message: string;
  readonly hint?: string;
  /** Into the text of the mount, in UTF-16 units from 0. */
  readonly offset: number;
}

export interface ParsedMount {
  readonly mount: RunMount;
  readonly problems: readonly MountProblem[];
}

/** Expands the variables of one value. */
export type ExpandValue = (value: string) => Expansion<string>;

/**
 * Reads the value of `RUN --mount`. Without `expand`, values that hold variables, quotes or escapes stay as written where
 * they are text, and are left out where they are anything else; rules between attributes are checked only if none was.
 */
export function parseRunMount(text: string, expand?: ExpandValue): ParsedMount {
  return new MountParser(text, expand).parse();
}

/**
 * Reads a mount again now that the variables are known; every attribute that was given is in the result, defaults are
 * not. The order of attributes matters as in BuildKit: `required` and `size` come after the `type` they belong to.
 */
export function resolveRunMount(mount: RunMount, expand: ExpandValue): ParsedMount {
  return parseRunMount(mount.text, expand);
}

type Draft = { -readonly [K in keyof RunMount]: RunMount[K] };

class MountParser {
  readonly #mount: Draft;
  readonly #problems: MountProblem[] = [];
  /** Whether the value of an attribute has to wait for its variables. */
  #deferred = false;
  #offset = 0;

  constructor(
    private readonly text: string,
    private readonly expand: ExpandValue | undefined,
  ) {
    this.#mount = { type: 'bind', text };
  }

  parse(): ParsedMount {
    const { fields, error } = splitCsvFields(this.text);
    if (error !== undefined)
      this.#problems.push({ message: `bad --mount: ${error.message}`, offset: error.column - 1 });
    let searchFrom = 0;
    for (const field of fields) {
      this.#offset = Math.max(this.text.indexOf(field, searchFrom), searchFrom);
      searchFrom = this.#offset + field.length;
      this.#field(field);
    }
    if (!this.#deferred && this.#problems.length === 0) {
      const message = checkMount(this.#mount);
      if (message !== undefined) this.#problems.push({ message, offset: 0 });
    }
    return { mount: this.#mount, problems: this.#problems };
  }

  #field(field: string): void {
    const equals = field.indexOf('=');
    const written = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const key = Object.hasOwn(SYNONYMS, written) ? (SYNONYMS[written] ?? written) : written;
    if (!ATTRIBUTES.includes(key)) {
      const hint = didYouMean(nearestWord(written, ATTRIBUTES)).hint;
      this.#complain(`--mount has no attribute "${written}"`, hint);
    } else if (equals >= 0) {
      this.#attribute(key, field.slice(equals + 1));
    } else if (SWITCHES.includes(key)) {
      this.#attribute(key, 'true');
    } else {
      this.#complain(`the attribute "${written}" of --mount needs a value`);
    }
  }

  #attribute(key: string, written: string): void {
    const value = this.#expanded(key, written);
    if (value === undefined) return;
    const waits = this.expand === undefined && /[$'"\\`]/.test(value);
    switch (key) {
      case 'from':
      case 'source':
      case 'target':
      case 'id':
      case 'env':
        this.#mount[key] = value;
        this.#deferred ||= waits;
        return;
      default:
        if (waits) this.#deferred = true;
        else this.#typed(key, value);
    }
  }

  #typed(key: string, value: string): void {
    const mount = this.#mount;
    switch (key) {
      case 'type':
        mount.type = this.#word(value, MOUNT_TYPES, 'type') ?? mount.type;
        return;
      case 'sharing':
        this.#set('sharing', this.#word(value, SHARING_MODES, 'sharing'));
        return;
      case 'readonly':
        this.#set('readOnly', this.#boolean(key, value));
        return;
      case 'readwrite': {
        const writable = this.#boolean(key, value);
        if (writable !== undefined) mount.readOnly = !writable;
        return;
      }
      case 'required':
        if (this.#allowedFor(key, ['secret', 'ssh'])) this.#set('required', this.#boolean(key, value));
        return;
      case 'size':
        if (this.#allowedFor(key, ['tmpfs'])) this.#set('sizeBytes', this.#valid(key, value, parseByteSize(value)));
        return;
      case 'mode':
        this.#set('mode', this.#valid(key, value, parseUint32(value, 8)));
        return;
      case 'uid':
      case 'gid':
        this.#set(key, this.#valid(key, value, parseUint32(value, 10)));
    }
  }

  /** The value with its variables expanded, if that is possible now. A stage is never named by a variable. */
  #expanded(key: string, value: string): string | undefined {
    if (this.expand === undefined) {
      const dollar = value.indexOf('$');
      if (key !== 'from' || dollar < 0 || dollar === value.length - 1) return value;
      this.#complain('"from" of --mount takes no variables', 'name a stage: FROM $image AS name, then from=name');
      return undefined;
    }
    const expansion = this.expand(value);
    if (expansion.kind === 'expanded') return expansion.value;
    this.#complain(`cannot expand "${value}": ${expansion.message}`);
    return undefined;
  }

  #set<K extends keyof RunMount>(key: K, value: RunMount[K] | undefined): void {
    if (value !== undefined) Object.assign(this.#mount, { [key]: value });
  }

  #word<T extends string>(value: string, allowed: readonly T[], key: string): T | undefined {
    const found = allowed.find((candidate) => candidate === value.toLowerCase());
    if (found === undefined) {
      const message = `"${value}" is no ${key} of --mount: ${allowed.join(', ')}`;
      this.#complain(message, didYouMean(nearestWord(value, allowed)).hint);
    }
    return found;
  }

  #boolean(key: string, value: string): boolean | undefined {
    const known = /^(?:(1|t|T|true|TRUE|True)|(?:0|f|F|false|FALSE|False))$/.exec(value);
    return this.#valid(key, value, known === null ? undefined : known[1] !== undefined);
  }

  #valid<T>(key: string, value: string, parsed: T | undefined): T | undefined {
    if (parsed === undefined) this.#complain(`"${value}" is no valid ${key} for --mount`);
    return parsed;
  }

  #allowedFor(key: string, types: readonly RunMount['type'][]): boolean {
    const { type } = this.#mount;
    // While the type waits for a variable nobody knows yet what is allowed.
    if (this.#deferred || types.includes(type)) return true;
    this.#complain(
      `"${key}" is no attribute of a mount of type ${type}`,
      `put type=${types.join(' or type=')} before it`,
    );
    return false;
  }

  #complain(message: string, hint?: string): void {
    this.#problems.push({ message, offset: this.#offset, ...(hint === undefined ? {} : { hint }) });
  }
}

function parseUint32(text: string, radix: 8 | 10): number | undefined {
  if (!(radix === 8 ? /^[0-7]+$/ : /^\d+$/).test(text)) return undefined;
  const value = parseInt(text, radix);
  return value <= MAX_UINT32 ? value : undefined;
}
