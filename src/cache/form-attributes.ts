import { compressionTypes, type CompressionOptions } from '../compression/contract';
import { validateCompressionLevel } from '../compression/levels';
import type { AttributeReader } from './attribute-reader';
import type { CacheMode } from './contract';
import type { CacheTarget } from './location';

/** Attributes of a target that say what is written and how, whatever its type. */
export const formAttributes = [
  ...['mode', 'oci-mediatypes', 'image-manifest', 'ignore-error'],
  ...['compression', 'compression-level', 'force-compression'],
] as const;

/** zstd levels outside of its range are what the nearest one is; BuildKit has four real ones in any case. */
const zstdRange = { lowest: 1, highest: 22 } as const;
/** Go's `gzip.DefaultCompression` and `gzip.HuffmanOnly`. */
const goGzipLevels: readonly number[] = [-1, -2];

/**
 * Reads {@link formAttributes}, each resolved to a value. Contradictions that BuildKit meets only when it writes the
 * cache are found here; where they are tolerated, the value is what it would try to write.
 */
export function readForm(
  reader: AttributeReader,
  options: { readonly defaultMode: CacheMode },
): Omit<CacheTarget, 'destination'> {
  const ociMediaTypes = reader.boolean('oci-mediatypes', true);
  const imageManifest = reader.boolean('image-manifest', ociMediaTypes);
  const compression = readCompression(reader);
  const forceCompression = reader.boolean('force-compression', false, { empty: true });
  if (imageManifest && !ociMediaTypes) {
    const message = 'image-manifest=true needs oci-mediatypes=true';
    reader.fail('CACHE_CONFLICT', message, 'leave out one of them', { tolerated: true });
  }
  if (compression.type === 'estargz' && !ociMediaTypes) {
    const hint = 'leave out oci-mediatypes, or use compression=gzip';
    reader.fail('CACHE_CONFLICT', 'compression=estargz needs oci-mediatypes=true', hint, { tolerated: true });
  }
  return {
    mode: reader.word('mode', ['min', 'max'], reader.has('mode') ? 'min' : options.defaultMode, { tolerated: true }),
    ociMediaTypes,
    imageManifest,
    compression,
    forceCompression,
    ignoreError: reader.boolean('ignore-error', false, { tolerated: true }),
  };
}

function readCompression(reader: AttributeReader): CompressionOptions {
  const type = reader.word('compression', compressionTypes, 'gzip');
  const level = reader.integer('compression-level');
  if (level === undefined) return { type };
  const problem = validateCompressionLevel(type, level);
  if (problem === undefined) return { type, level };
  reader.fail('CACHE_BAD_VALUE', problem, 'leave it out for the usual one', { tolerated: true });
  return tolerantLevel(type, level);
}

/** gzip and estargz fail on the level later, as they do in BuildKit, unless it is one of Go's names for a default. */
function tolerantLevel(type: CompressionOptions['type'], level: number): CompressionOptions {
  if (type === 'zstd') return { type, level: Math.min(Math.max(level, zstdRange.lowest), zstdRange.highest) };
  return goGzipLevels.includes(level) ? { type } : { type, level };
}
