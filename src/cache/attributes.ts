import { resolve } from 'node:path';
import { hasErrors, type Diagnostic } from '../diagnostics/diagnostic';
import { isDigest } from '../oci/digest';
import { formatFamiliar, formatReference, isTag, tryParseReference, withDefaultTag } from '../oci/reference';
import { AttributeReader } from './attribute-reader';
import { splitCacheOptions, type AttributeSet, type CacheOption } from './attribute-text';
import type { CacheMode } from './contract';
import { formAttributes, readForm } from './form-attributes';
import type { CacheDestination, CacheSource, CacheTarget } from './location';

const sourceAttributes = {
  registry: ['type', 'ref', 'registry.insecure'],
  local: ['type', 'src', 'digest', 'tag'],
} as const;

const targetAttributes = {
  registry: ['type', 'ref', 'registry.insecure', ...formAttributes],
  local: ['type', 'dest', 'tag', ...formAttributes],
  inline: ['type', 'mode'],
} as const;

const sourceTypes = ['registry', 'local'] as const;
const targetTypes = ['registry', 'local', 'inline'] as const;
/** Types that buildx knows and this project does not write. */
const foreignTypes: readonly string[] = ['gha', 's3', 'azblob'];
const defaultTag = 'latest';

export interface ReadCacheOptions {
  /** The option's name, for diagnostics: `cacheFrom`, `--cache-to`. */
  readonly option: string;
  /** Absolute directory that relative paths start from. */
  readonly workingDirectory: string;
  /**
   * Default true: what BuildKit lets pass in silence is an error. False makes a warning of it, and then the value is
   * what BuildKit would make of it.
   */
  readonly strict?: boolean;
  /** Mode of targets that name none; default `min`, as in BuildKit. */
  readonly defaultMode?: CacheMode;
}

/** Reads `cache-from` values. Everything that is wrong is in `diagnostics`; what is wrong is not among the sources. */
export function readCacheSources(
  values: readonly CacheOption[],
  options: ReadCacheOptions,
): { readonly sources: readonly CacheSource[]; readonly diagnostics: readonly Diagnostic[] } {
  const { found, diagnostics } = readAll(values, options, sourceTypes, (reader, type) => {
    const names = [...formAttributes, 'dest'];
    reader.refuseUnknown(sourceAttributes[type], `a cache source of type=${type}`, { names, hint: exportHint });
    return readLocation(reader, { type, pathAttribute: 'src', workingDirectory: options.workingDirectory });
  });
  return { sources: found, diagnostics };
}

/**
 * Reads `cache-to` values. buildx checks some of this only after the build, and takes unknown attributes and modes
 * silently; here all of it is an error at once.
 */
export function readCacheTargets(
  values: readonly CacheOption[],
  options: ReadCacheOptions,
): { readonly targets: readonly CacheTarget[]; readonly diagnostics: readonly Diagnostic[] } {
  const { defaultMode = 'min' } = options;
  const seen = new Map<string, string>();
  const { found, diagnostics } = readAll(values, options, targetTypes, (reader, type, set): CacheTarget | undefined => {
    reader.refuseUnknown(targetAttributes[type], `a cache target of type=${type}`, targetElsewhere(type));
    const destination = readDestination(reader, type, options.workingDirectory);
    if (destination?.type === 'registry' && destination.reference.digest !== undefined) {
      reader.fail('CACHE_BAD_VALUE', 'a cache cannot be written to a digest', 'give a tag');
    }
    const form = readForm(reader, { defaultMode: type === 'inline' ? 'min' : defaultMode });
    if (type === 'inline' && form.mode === 'max') {
      const hint = 'leave it out, or use type=registry,mode=max';
      const message = 'type=inline stores what the image consists of, which is mode=min';
      reader.fail('CACHE_CONFLICT', message, hint, { tolerated: true });
    }
    if (destination === undefined) return undefined;
    refuseTwin(reader, destination, seen, set);
    return { destination, ...form };
  });
  return { targets: found, diagnostics };
}

/** Of two exports to one place, the one that ends last wins, which nobody can foretell. */
function refuseTwin(
  reader: AttributeReader,
  destination: CacheDestination,
  seen: Map<string, string>,
  { option }: AttributeSet,
): void {
  const [place, name] = placeOf(destination);
  const first = seen.get(place);
  if (first === undefined) {
    seen.set(place, option);
    return;
  }
  const message = `${name} is written by ${first} already`;
  reader.fail('CACHE_CONFLICT', message, 'keep one of them, or give each a tag of its own', { tolerated: true });
}

function placeOf(destination: CacheDestination): readonly [key: string, shown: string] {
  switch (destination.type) {
    case 'inline':
      return ['inline', 'the inline cache'];
    case 'local':
      return [`local ${destination.directory} ${destination.tag}`, `${destination.directory}:${destination.tag}`];
    case 'registry':
      return [formatReference(destination.reference), formatFamiliar(destination.reference)];
  }
}

function exportHint(name: string): string {
  return `${name}=… belongs to the cache's target (cacheTo), not to its source`;
}

function targetElsewhere(type: (typeof targetTypes)[number]): {
  readonly names: readonly string[];
  readonly hint: (name: string) => string;
} {
  if (type === 'inline') {
    const hint = (name: string) => `the image's own output decides; ${name} goes there`;
    return { names: formAttributes.filter((name) => name !== 'mode'), hint };
  }
  const own = type === 'local' ? 'dest' : 'ref';
  return {
    names: ['src', 'digest'],
    hint: (name) => `${name}=… belongs to the source of a cache; here it is ${own}=…`,
  };
}

function readAll<T, K extends string>(
  values: readonly CacheOption[],
  options: ReadCacheOptions,
  types: readonly K[],
  read: (reader: AttributeReader, type: K, set: AttributeSet) => T | undefined,
): { readonly found: readonly T[]; readonly diagnostics: readonly Diagnostic[] } {
  const { sets, diagnostics } = splitCacheOptions(values, options.option);
  const all = [...diagnostics];
  const found = sets.flatMap((set) => {
    const reader = new AttributeReader(set.attributes, { option: set.option, strict: options.strict ?? true });
    const type = readType(reader, set, types);
    const value = type && read(reader, type, set);
    all.push(...reader.diagnostics);
    return value === undefined || set.isBroken || hasErrors(reader.diagnostics) ? [] : [value];
  });
  return { found, diagnostics: all };
}

function readType<K extends string>(reader: AttributeReader, set: AttributeSet, types: readonly K[]): K | undefined {
  const type = set.attributes.get('type');
  if (type === undefined) {
    reader.fail('CACHE_MISSING_ATTRIBUTE', 'a cache needs type=…', 'write type=registry,ref=…');
    return undefined;
  }
  if (foreignTypes.includes(type)) {
    reader.fail('CACHE_BAD_VALUE', `type=${type} is a cache that only buildx has`, 'use type=registry or type=local');
    return undefined;
  }
  if (type === 'inline' && !types.some((known) => known === type)) {
    const hint = 'name the image as type=registry,ref=…';
    reader.fail('CACHE_BAD_VALUE', 'an inline cache is read from the image that has it', hint);
    return undefined;
  }
  const [first] = types;
  const known = first && reader.word('type', types, first);
  return known === type ? known : undefined;
}

function readDestination(
  reader: AttributeReader,
  type: (typeof targetTypes)[number],
  workingDirectory: string,
): CacheDestination | undefined {
  if (type === 'inline') return { type: 'inline', location: 'inline' };
  return readLocation(reader, { type, pathAttribute: 'dest', workingDirectory });
}

interface LocationOptions {
  readonly type: (typeof sourceTypes)[number];
  readonly pathAttribute: string;
  readonly workingDirectory: string;
}

function readLocation(reader: AttributeReader, options: LocationOptions): CacheSource | undefined {
  if (options.type === 'local') return readDirectory(reader, options);
  const location = reader.required('ref', 'a registry cache');
  const insecure = reader.boolean('registry.insecure', false);
  if (location === '') return undefined;
  const parsed = tryParseReference(location);
  if (parsed.ok) return { type: 'registry', reference: withDefaultTag(parsed.reference), insecure, location };
  reader.fail('CACHE_BAD_VALUE', `ref=${location} is no image reference: ${parsed.reason}`);
  return undefined;
}

function readDirectory(reader: AttributeReader, options: LocationOptions): CacheSource {
  const path = reader.required(options.pathAttribute, 'a local cache');
  const tag = reader.text('tag') ?? defaultTag;
  if (!isTag(tag)) reader.fail('CACHE_BAD_VALUE', `"${tag}" is no tag`);
  const digest = reader.text('digest');
  const location = tag === defaultTag ? path : `${path}:${tag}`;
  const source = { type: 'local', directory: resolve(options.workingDirectory, path), tag, location } as const;
  if (digest === undefined) return source;
  if (isDigest(digest)) return { ...source, digest };
  reader.fail('CACHE_BAD_VALUE', `"${digest}" is no digest`, 'it looks like sha256:…');
  return source;
}
