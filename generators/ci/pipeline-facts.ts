import type { Tree } from '@nx/devkit';
import { parseJsonText } from '../../src/inference/json-text';
import { asRecord } from '../../src/inference/workspace-projects';
import { readPluginEntry } from '../plugin-entry';

/** What a pipeline has to know about the workspace. */
export interface PipelineFacts {
  readonly name: string;
  /** Host of the registry to log in to; undefined for that of the CI system. */
  readonly registryHost: string | undefined;
  readonly mainBranch: string;
  readonly nodeVersion: string;
  /** The target and its configuration that pushes. */
  readonly target: string;
  readonly configuration: string | undefined;
  readonly packageManager: 'npm' | 'pnpm' | 'yarn' | 'bun';
  readonly install: string;
  /** Runs Nx with the package manager at hand. */
  readonly nx: string;
}

export interface PipelineOptions {
  readonly name?: string;
  readonly registry?: string;
  readonly mainBranch?: string;
  readonly nodeVersion?: string;
}

const managers = [
  { lockfile: 'pnpm-lock.yaml', packageManager: 'pnpm', install: 'pnpm install --frozen-lockfile', nx: 'pnpm nx' },
  { lockfile: 'yarn.lock', packageManager: 'yarn', install: 'yarn install --immutable', nx: 'yarn nx' },
  { lockfile: 'bun.lock', packageManager: 'bun', install: 'bun install --frozen-lockfile', nx: 'bunx nx' },
  { lockfile: 'bun.lockb', packageManager: 'bun', install: 'bun install --frozen-lockfile', nx: 'bunx nx' },
] as const;
const npm = { packageManager: 'npm', install: 'npm ci', nx: 'npx nx' } as const;

export function readPipelineFacts(tree: Tree, options: PipelineOptions): PipelineFacts {
  const nxJson = tree.read('nx.json', 'utf8') ?? '{}';
  const { defaultBase } = asRecord(parseJsonText(nxJson));
  const entry = readPluginEntry(nxJson) ?? {};
  const manager = managers.find(({ lockfile }) => tree.exists(lockfile)) ?? npm;
  const isClassicYarn = manager.packageManager === 'yarn' && !tree.exists('.yarnrc.yml');
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  const configuration = entry['ciConfiguration'];
  return {
    name: options.name ?? 'docker-build',
    registryHost: hostOf(text(options.registry) ?? text(entry['registry'])),
    mainBranch: text(options.mainBranch) ?? text(defaultBase)?.replace(/^origin\//, '') ?? 'main',
    nodeVersion: options.nodeVersion ?? '22',
    target: text(entry['targetName']) ?? 'docker-build',
    configuration: configuration === false ? undefined : (text(configuration) ?? 'ci'),
    packageManager: manager.packageManager,
    install: isClassicYarn ? 'yarn install --frozen-lockfile' : manager.install,
    nx: manager.nx,
  };
}

/** `ghcr.io` of `ghcr.io/acme`; undefined where there is no registry, or it is known only when a target runs. */
function hostOf(registry: string | undefined): string | undefined {
  const [host = ''] = registry?.split('/') ?? [];
  return host === '' || /[${}]/.test(host) ? undefined : host;
}
