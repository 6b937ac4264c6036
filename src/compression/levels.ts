import type { CompressionType } from './contract';

interface LevelRange {
  readonly lowest: number;
  readonly highest: number;
  /** What the codec takes when no level is given. */
  readonly usual: number;
}

const gzipLevels: LevelRange = { lowest: 0, highest: 9, usual: 6 };
const zstdLevels: LevelRange = { lowest: 0, highest: 22, usual: 3 };

const levels: Readonly<Record<CompressionType, LevelRange | undefined>> = {
  gzip: gzipLevels,
  estargz: gzipLevels,
  zstd: zstdLevels,
  uncompressed: undefined,
};

/**
 * Why `level` is none for `type`, or undefined if it is one. gzip and estargz know 0 (stored) to 9, zstd 0 (its
 * default) to 22; for `uncompressed` any level passes, since it is ignored.
 */
export function validateCompressionLevel(type: CompressionType, level: number): string | undefined {
  const range = levels[type];
  if (range === undefined) return undefined;
  if (Number.isInteger(level) && level >= range.lowest && level <= range.highest) return undefined;
  return `the level of ${type} is a whole number from ${range.lowest} to ${range.highest}, not ${level}`;
}

/** The level that a codec is to use. */
export function effectiveLevel(type: CompressionType, level: number | undefined): number {
  return level ?? levels[type]?.usual ?? 0;
}
