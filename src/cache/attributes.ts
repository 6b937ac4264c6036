import { resolve } from 'node:path';
import { compressionTypes, type CompressionOptions } from '../compression/contract';
import { validateCompressionLevel } from '../compression/levels';
import type { Diagnostic } from '../diagnostics/diagnostic';
import { isDigest } from '../oci/digest';
import { isTag, tryParseReference, withDefaultTag } from '../oci/reference';
import { AttributeReader } from './attribute-reader';
import { splitCacheOptions, type AttributeSet, type CacheOption } from './attribute-text';
import type { CacheSource, CacheTarget } from './location';

const sourceAttributes = {
  registry: ['type', 'ref', 'registry.insecure'],
  local: ['type', 'src', 'digest', 'tag'],
} as const;

const writingAttributes = [
  ...['mode', 'oci-mediatypes', 'image-manifest', 'ignore-error'],
  ...['compression', 'compression-level', 'force-compression'],
];

const targetAttributes = {
  registry: ['type', 'ref', 'registry.insecure', ...writingAttributes],
  local: ['type', 'dest', 'tag', ...writingAttributes],
} as const;

const cacheTypes = ['registry', 'local'] as const;
/** Types that buildx knows and this project does not write. */
const foreignTypes: readonly string[] = ['inline', 'gha', 's3', 'azblob'];
const defaultTag = 'latest';

export interface ReadCacheOptions {
  /** The option's name, for diagnostics: `cacheFrom`, `--cache-to`. */
  readonly option: string;
  /** Absolute directory that relative paths start from. */
  readonly workingDirectory: string;
}

/** Reads `cache-from` values. Everything that is wrong is in `diagnostics`; what is wrong is not among the sources. */
export function readCacheSources(
  values: readonly CacheOption[],
  options: ReadCacheOptions,
): { readonly sources: readonly CacheSource[]; readonly diagnostics: readonly Diagnostic[] } {
  const { found, diagnostics } = readAll(values, options, (reader, type) => {
    reader.refuseUnknown(sourceAttributes[type], `a cache source of type=${type}`);
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
  const { found, diagnostics } = readAll(values, options, (reader, type) => {
    reader.refuseUnknown(targetAttributes[type], `a cache target of type=${type}`);
    const { workingDirectory } = options;
    const destination = readLocation(reader, { type, pathAttribute: 'dest', workingDirectory });
    if (destination?.type === 'registry' && destination.reference.digest !== undefined) {
      reader.fail('CACHE_BAD_VALUE', 'a cache cannot be written to a digest', 'give a tag');
    }
    const target = readForm(reader);
    return destination && { destination, ...target };
  });
  return { targets: found, diagnostics };
}

function readAll<T>(
  values: readonly CacheOption[],
  options: ReadCacheOptions,
  read: (reader: AttributeReader, type: (typeof cacheTypes)[number]) => T | undefined,
): { readonly found: readonly T[]; readonly diagnostics: readonly Diagnostic[] } {
  const { sets, diagnostics } = splitCacheOptions(values, options.option);
  const all = [...diagnostics];
  const found = sets.flatMap((set) => {
    const reader = new AttributeReader(set.attributes, set.option);
    const type = readType(reader, set);
    const value = type && read(reader, type);
    all.push(...reader.diagnostics);
    return value === undefined || set.isBroken || reader.diagnostics.length > 0 ? [] : [value];
  });
  return { found, diagnostics: all };
}

function readType(reader: AttributeReader, set: AttributeSet): (typeof cacheTypes)[number] | undefined {
  const type = set.attributes.get('type');
  if (type === undefined) {
    reader.fail('CACHE_MISSING_ATTRIBUTE', 'a cache needs type=…', 'write type=registry,ref=…');
    return undefined;
  }
  if (foreignTypes.includes(type)) {
    reader.fail('CACHE_BAD_VALUE', `type=${type} is a cache that only buildx has`, 'use type=registry or type=local');
    return undefined;
  }
  const known = reader.word('type', cacheTypes, 'registry');
  return known === type ? known : undefined;
}

interface LocationOptions {
  readonly type: (typeof cacheTypes)[number];
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
  const source = { type: 'local', directory: resolve(options.workingDirectory, path), tag, location: path } as const;
  if (digest === undefined) return source;
  if (isDigest(digest)) return { ...source, digest };
  reader.fail('CACHE_BAD_VALUE', `"${digest}" is no digest`, 'it looks like sha256:…');
  return source;
}

function readForm(reader: AttributeReader): Omit<CacheTarget, 'destination'> {
  const ociMediaTypes = reader.boolean('oci-mediatypes', true);
  const imageManifest = reader.boolean('image-manifest', ociMediaTypes);
  const compression = readCompression(reader);
  if (imageManifest && !ociMediaTypes) {
    const hint = 'leave out one of them';
    reader.fail('CACHE_CONFLICT', 'image-manifest=true needs oci-mediatypes=true', hint);
  }
  if (compression.type === 'estargz' && !ociMediaTypes) {
    reader.fail('CACHE_CONFLICT', 'compression=estargz needs oci-mediatypes=true');
  }
  return {
    mode: reader.word('mode', ['min', 'max'], 'min'),
    ociMediaTypes,
    imageManifest,
    compression,
    forceCompression: reader.boolean('force-compression', false, { empty: true }),
    ignoreError: reader.boolean('ignore-error', false),
  };
}

function readCompression(reader: AttributeReader): CompressionOptions {
  const type = reader.word('compression', compressionTypes, 'gzip');
  const level = reader.integer('compression-level');
  if (level === undefined) return { type };
  const problem = validateCompressionLevel(type, level);
  if (problem !== undefined) reader.fail('CACHE_BAD_VALUE', problem);
  return { type, level };
}
