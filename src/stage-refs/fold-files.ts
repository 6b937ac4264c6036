import { digestOf, hexOf } from '../oci/digest';
import type { FileInput } from './stage-inputs';

const hashCharacters = 16;

/**
 * A list of files with those deeper than `depth` names put together: one entry `dir/` stands for all below it, its
 * digest over theirs.
 */
export function foldFiles(files: readonly FileInput[], depth: number): readonly FileInput[] {
  const folded = new Map<string, { readonly parts: string[]; sizeBytes: number }>();
  const kept: FileInput[] = [];
  for (const file of files) {
    const [path, mode, size, digest] = file;
    const names = path.split('/');
    if (names.length <= depth) {
      kept.push(file);
      continue;
    }
    const directory = `${names.slice(0, depth).join('/')}/`;
    const entry = folded.get(directory) ?? { parts: [], sizeBytes: 0 };
    entry.parts.push(`${path.length}:${path}${mode}:${digest}`);
    entry.sizeBytes += size;
    folded.set(directory, entry);
  }
  const directories = [...folded].map(([path, { parts, sizeBytes }]): FileInput => [
    path,
    '',
    sizeBytes,
    hexOf(digestOf(parts.join('\n'))).slice(0, hashCharacters),
  ]);
  return [...kept, ...directories].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** How a list was folded; undefined if it was not. */
export function foldedDepth(files: readonly FileInput[]): number | undefined {
  const folded = files.find(([path]) => path.endsWith('/'));
  return folded && folded[0].split('/').length - 1;
}
