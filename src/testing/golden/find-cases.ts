import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readGoldenCase, type GoldenCase } from './case';

/** Levels of folders below the one that is given. */
const deepest = 3;

export interface FoundCases {
  readonly cases: readonly GoldenCase[];
  /** Folders in which the layouts of their images may lie, the likeliest last. */
  readonly imageFolders: readonly string[];
}

/** The recorded cases in a folder, however it is cut: the folder of cases, the one that holds it, or one case. */
export async function findGoldenCases(directory: string): Promise<FoundCases> {
  const places = await casePlaces(directory, 0);
  const beside = [...new Set(places.map((place) => dirname(dirname(place))))];
  const imageFolders = [directory, ...new Set(places.map((place) => dirname(place))), ...beside];
  return { cases: await Promise.all(places.map(readGoldenCase)), imageFolders: [...new Set(imageFolders)] };
}

async function casePlaces(directory: string, level: number): Promise<readonly string[]> {
  if (await hasFiles(directory, ['Dockerfile', 'case.json', 'expected.json'])) return [directory];
  if (level === deepest || (await hasFiles(directory, ['oci-layout']))) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  return (await Promise.all(names.map((name) => casePlaces(join(directory, name), level + 1)))).flat();
}

async function hasFiles(directory: string, names: readonly string[]): Promise<boolean> {
  const found = await Promise.all(names.map((name) => stat(join(directory, name)).catch(() => undefined)));
  return found.every((stats) => stats?.isFile() === true);
}
