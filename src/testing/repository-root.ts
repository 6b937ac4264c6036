import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The repository's root, found from wherever the compiled test lies. */
export function repositoryRoot(): string {
  let directory = __dirname;
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`no package.json above ${__dirname}`);
    directory = parent;
  }
  return directory;
}
