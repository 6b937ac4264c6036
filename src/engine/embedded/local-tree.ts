import { createIgnoreMatcher } from '../../dockerfile/ignore-matcher';
import type { FileTree } from '../../filetree/contract';
import { DirectoryTree } from '../../filetree/directory-tree';
import type { LocalSource } from '../../llb/operation';
import type { SolverResult } from '../../solver/contract';

/** A directory of the client as a result: files without layers. */
export class LocalTree implements SolverResult {
  constructor(
    readonly id: string,
    private readonly files: FileTree,
  ) {}

  tree(): Promise<FileTree> {
    return Promise.resolve(this.files);
  }
}

/** The files of a directory of the client that a source can mean, without those that its ignore file names. */
export function localFiles(source: LocalSource, directories: ReadonlyMap<string, string>): FileTree {
  const directory = directories.get(source.name);
  if (directory === undefined) throw new Error(`no directory for the context "${source.name}"`);
  const { matcher } = createIgnoreMatcher(source.excludePatterns, `${source.name}: ignore file`);
  return new DirectoryTree(directory, { ignore: matcher });
}
