import type { Tree } from '@nx/devkit';
import { parseJsonText } from '../../src/inference/json-text';
import { asRecord } from '../../src/inference/workspace-projects';
import { projectSlug } from '../../src/workspace/project-image-name';
import { findInJson, setInJson } from '../json-edit/edit-json';
import { pluginName } from '../plugin-entry';

const targetName = 'local-registry';
const projectFile = 'project.json';

/** Gives the root project a target that serves a registry; makes that project if there is none. Keeps a known target. */
export function addLocalRegistry(tree: Tree, { port, root }: { readonly port: number; readonly root: string }): void {
  const target = { executor: `${pluginName}:registry`, continuous: true, options: { port, root } };
  const file = tree.read(projectFile, 'utf8');
  const manifest = asRecord(parseJsonText(tree.read('package.json', 'utf8') ?? '{}'));
  if (file === null && 'nx' in manifest) {
    const text = tree.read('package.json', 'utf8') ?? '{}';
    const path = ['nx', 'targets', targetName];
    if (findInJson(text, path) === undefined) tree.write('package.json', setInJson(text, path, target));
    return;
  }
  const name = typeof manifest['name'] === 'string' ? manifest['name'] : 'workspace';
  const text = file ?? `{\n  "name": ${JSON.stringify(projectSlug(name))}\n}\n`;
  const path = ['targets', targetName];
  if (findInJson(text, path) === undefined) tree.write(projectFile, setInJson(text, path, target));
}
