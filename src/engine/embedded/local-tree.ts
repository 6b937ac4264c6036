import type { FileTree } from '../../filetree/contract';
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
