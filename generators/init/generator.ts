import { addDependenciesToPackageJson, type GeneratorCallback, type Tree } from '@nx/devkit';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJsonText } from '../../src/inference/json-text';
import { asRecord } from '../../src/inference/workspace-projects';
import { pluginName, writePluginEntry } from '../plugin-entry';
import { addIgnoredPaths } from './gitignore';
import { addLocalRegistry } from './local-registry';

export interface InitOptions {
  readonly registry?: string;
  readonly cache?: string;
  readonly localRegistry?: boolean;
  readonly localRegistryPort?: number;
  readonly keepExistingVersions?: boolean;
  readonly skipPackageJson?: boolean;
}

const localRegistryPort = 5000;
const localRegistryRoot = 'tmp/registry';

/** The generator `init`, which `nx add` runs. Running it again changes nothing, or only what its options say. */
export default async function init(tree: Tree, options: InitOptions): Promise<GeneratorCallback> {
  const registry = textOf(options.registry);
  const port = options.localRegistryPort ?? localRegistryPort;
  // The targets know the default port by themselves.
  const localAddress = port === localRegistryPort ? undefined : `localhost:${port}`;
  const isLocal = options.localRegistry ?? registry === undefined;
  const nxJson = tree.read('nx.json', 'utf8') ?? '{}\n';
  write(
    tree,
    'nx.json',
    writePluginEntry(nxJson, {
      registry: registry ?? (isLocal ? localAddress : undefined),
      cache: textOf(options.cache),
    }),
  );
  if (isLocal) addLocalRegistry(tree, { port, root: localRegistryRoot });
  const ignored = ['dist', ...(isLocal ? [localRegistryRoot] : [])];
  write(tree, '.gitignore', addIgnoredPaths(tree.read('.gitignore', 'utf8') ?? '', ignored));
  return Promise.resolve(options.skipPackageJson === true ? () => undefined : addPackage(tree, options));
}

/** `nx add` has it in package.json already, in whatever way the user asked for: that is left alone. */
function addPackage(tree: Tree, { keepExistingVersions = false }: InitOptions): GeneratorCallback {
  const manifest = asRecord(parseJsonText(tree.read('package.json', 'utf8') ?? '{}'));
  const known = { ...asRecord(manifest['dependencies']), ...asRecord(manifest['devDependencies']) };
  if (pluginName in known || !tree.exists('package.json')) return () => undefined;
  const dependency = { [pluginName]: `^${ownVersion()}` };
  return addDependenciesToPackageJson(tree, {}, dependency, 'package.json', keepExistingVersions);
}

function ownVersion(): string {
  // Compiled, this file lies at dist/generators/init.
  const text = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** An unchanged file is not written: it would be listed as changed. */
function write(tree: Tree, path: string, text: string): void {
  if (tree.read(path, 'utf8') !== text && text !== '') tree.write(path, text);
}

/** A question that was answered with nothing is not answered. */
function textOf(option: string | undefined): string | undefined {
  const text = option?.trim().replace(/\/+$/, '');
  return text === '' ? undefined : text;
}
