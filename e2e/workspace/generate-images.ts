import { execFileSync } from 'node:child_process';
import type { Machine } from './machine';

/**
 * Runs the generator `docker-build` of the installed plugin for many projects in one process. `nx g` does the same, one
 * process each.
 */
export function generateImages(machine: Machine, projects: readonly string[], options: object): void {
  const script = `
    const { FsTree, flushChanges } = require('nx/src/generators/tree');
    const path = require('node:path');
    const root = process.cwd();
    const folder = path.dirname(require.resolve('nx-registry-cache/generators.json'));
    const { generators } = require('nx-registry-cache/generators.json');
    const generate = require(path.join(folder, generators['docker-build'].factory)).default;
    const tree = new FsTree(root, false);
    (async () => {
      for (const project of ${JSON.stringify(projects)}) await generate(tree, { project, ...${JSON.stringify(options)} });
      flushChanges(root, tree.listChanges());
    })();
  `;
  execFileSync(process.execPath, ['-e', script], { cwd: machine.root, stdio: 'pipe' });
}
