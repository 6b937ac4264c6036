import { mkdtemp, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { createSandbox } from '../../src/builder/sandbox/create-sandbox';
import type { CacheConfig } from '../../src/cache/contract';
import { importCache } from '../../src/cache/import-cache';
import { DirectoryStore } from '../../src/content/directory-store';
import type { BuildRequest } from '../../src/engine/contract';
import { EmbeddedEngine } from '../../src/engine/embedded/embedded-engine';
import { parsePlatform } from '../../src/oci/platform';
import { copyGoldenContext, type GoldenCase } from '../../src/testing/golden/case';

export interface BuildCaseOptions {
  /** Working directory of the run; the engine's state stays in it from case to case. */
  readonly directory: string;
  /** Registry that serves the layouts beside the cases, as `127.0.0.1:5000`. */
  readonly registry: string;
}

/** The host that the recorded cases name. */
const recordedHost = /localhost:5000(?=\/golden\/)/g;
const cacheTag = 'cache';

/** Builds a case with the embedded engine, exports its cache with `mode=max` and reads back what was written. */
export async function buildCase(golden: GoldenCase, { directory, registry }: BuildCaseOptions): Promise<CacheConfig> {
  const work = await mkdtemp(join(directory, `${golden.name}-`));
  try {
    await copyGoldenContext(golden, 'context', join(work, 'context'));
    const request = await requestFor(golden, work, registry);
    const engine = new EmbeddedEngine({
      stateDirectory: join(directory, 'state'),
      env: { ...process.env, ...secretVariables(golden) },
      homeDirectory: homedir(),
      now: Date.now,
      // The recorded builder remembered all cases, and linked what they have in common.
      linkEquivalents: true,
      createSandbox: (stateDirectory, layers) => createSandbox({ stateDirectory, layers }),
    });
    await engine.build(request, { progress: () => undefined });
    const imported = await importCache(new DirectoryStore(join(work, 'cache')), cacheTag, { name: golden.name });
    if (imported.kind !== 'imported') throw new Error(`the cache that was written cannot be read: ${imported.kind}`);
    const [cache] = imported.parts;
    if (cache === undefined) throw new Error('an imported cache has no part');
    return cache.config;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function requestFor(golden: GoldenCase, work: string, registry: string): Promise<BuildRequest> {
  const { args, contexts, platform, secrets, target } = golden.parameters;
  const parsed = parsePlatform(platform);
  if (!parsed.ok) throw new Error(`${golden.name}: ${platform} is not a platform`);
  for (const name of contexts) await copyGoldenContext(golden, join('contexts', name), join(work, 'contexts', name));
  return {
    context: join(work, 'context'),
    dockerfile: {
      path: join(work, 'context', basename('Dockerfile')),
      text: golden.dockerfile.replaceAll(recordedHost, registry),
    },
    buildArgs: args,
    buildContexts: Object.fromEntries(
      contexts.map((name) => [name, { type: 'directory' as const, directory: join(work, 'contexts', name) }]),
    ),
    platforms: [parsed.platform],
    tags: [],
    labels: {},
    annotations: {},
    cacheFrom: [],
    cacheTo: [
      {
        destination: { type: 'local', directory: join(work, 'cache'), tag: cacheTag, location: 'cache' },
        mode: 'max',
        ociMediaTypes: true,
        imageManifest: true,
        compression: { type: 'uncompressed' },
        forceCompression: false,
        ignoreError: false,
      },
    ],
    outputs: [],
    secrets: Object.keys(secrets).map((id) => ({ id, from: { env: secretVariable(id) } })),
    ssh: [],
    network: 'default',
    extraHosts: [],
    ulimits: [],
    noCache: false,
    pull: false,
    insecureRegistries: [],
    ...(target !== null && { target }),
  };
}

function secretVariables(golden: GoldenCase): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(golden.parameters.secrets).map(([id, value]) => [secretVariable(id), value]),
  );
}

function secretVariable(id: string): string {
  return `NXRC_GOLDEN_SECRET_${id}`;
}
