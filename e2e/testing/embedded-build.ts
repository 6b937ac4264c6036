import { mkdtemp } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '../../src/builder/sandbox/create-sandbox';
import { readCacheSources, readCacheTargets } from '../../src/cache/attributes';
import { formatDiagnostics } from '../../src/diagnostics/format-diagnostics';
import type { BuildOutcome, BuildRequest, CacheSource, CacheTarget } from '../../src/engine/contract';
import { EmbeddedEngine } from '../../src/engine/embedded/embedded-engine';
import { requestOf as leastRequest, type LeastRequest } from '../../src/engine/testing/build-request';
import { hostPlatform } from '../../src/oci/platform';
import { parseReference } from '../../src/oci/reference';
import { isInstruction, type SolvedVertex } from './rawjson';
import { removeTree } from '../../src/testing/remove-tree';

export type EmbeddedBuild = LeastRequest;

export interface EmbeddedBuildOptions {
  /** The engine's state; one that is not there yet is an empty builder. */
  readonly stateDirectory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly linkEquivalents?: boolean;
  readonly signal?: AbortSignal;
}

export interface EmbeddedBuildResult {
  readonly outcome: BuildOutcome;
  /** The instructions, without base images and contexts. */
  readonly steps: readonly SolvedVertex[];
}

/** A request for the platform of this machine. */
export function requestOf(build: EmbeddedBuild): BuildRequest {
  return leastRequest({ platforms: [{ ...hostPlatform(process), os: 'linux' }], ...build });
}

/** Builds with the embedded engine. */
export async function buildEmbedded(
  build: EmbeddedBuild,
  { stateDirectory, env = {}, linkEquivalents, signal }: EmbeddedBuildOptions,
): Promise<EmbeddedBuildResult> {
  const engine = new EmbeddedEngine({
    stateDirectory,
    env: { ...process.env, ...env },
    homeDirectory: homedir(),
    now: Date.now,
    ...(linkEquivalents !== undefined && { linkEquivalents }),
    createSandbox: (directory, layers) => createSandbox({ stateDirectory: directory, layers }),
  });
  const outcome = await engine.build(requestOf(build), { progress: () => undefined, ...(signal && { signal }) });
  const steps = outcome.steps
    .filter(({ name }) => isInstruction(name))
    .map(({ name, outcome: result }): SolvedVertex => ({
      name,
      outcome: result === 'executed' || result === 'failed' ? result : 'cached',
    }));
  return { outcome, steps };
}

/** Builds with the embedded engine on an empty state that is removed afterwards. */
export async function buildOnEmptyState(
  build: EmbeddedBuild,
  { directory, env }: { readonly directory: string; readonly env?: Readonly<Record<string, string>> },
): Promise<EmbeddedBuildResult> {
  const stateDirectory = await mkdtemp(join(directory, 'state-'));
  try {
    return await buildEmbedded(build, { stateDirectory, ...(env && { env }) });
  } finally {
    await removeTree(stateDirectory);
  }
}

/** `type=registry,…` strings as the executor reads them. */
export function sources(...texts: readonly string[]): readonly CacheSource[] {
  const read = readCacheSources(texts, { option: 'cacheFrom', workingDirectory: '/' });
  if (read.diagnostics.length > 0) throw new Error(formatDiagnostics(read.diagnostics));
  return read.sources;
}

export function targets(...texts: readonly string[]): readonly CacheTarget[] {
  const read = readCacheTargets(texts, { option: 'cacheTo', workingDirectory: '/' });
  if (read.diagnostics.length > 0) throw new Error(formatDiagnostics(read.diagnostics));
  return read.targets;
}

/** What pushes the image to `reference`. */
export function pushTo(reference: string): Pick<BuildRequest, 'tags' | 'outputs'> {
  return { tags: [parseReference(reference)], outputs: [{ type: 'image', push: true, ociMediaTypes: true }] };
}
