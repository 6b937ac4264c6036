import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseImageManifest } from '../../src/oci/manifest';
import { parsePlatform } from '../../src/oci/platform';
import { copyGoldenContext, type GoldenCase } from '../../src/testing/golden/case';
import { repositoryRoot } from '../../src/testing/repository-root';
import type { EmbeddedBuild } from './embedded-build';
import type { RealBuild } from './real-buildkit';

/** The host that the recorded cases name. */
const recordedHost = /localhost:5000(?=\/golden\/)/g;

/** A case laid out on disk, as either builder takes it. */
export interface GoldenBuild {
  readonly embedded: EmbeddedBuild;
  /** Environment that `embedded` takes its secrets from. */
  readonly env: Readonly<Record<string, string>>;
  readonly real: RealBuild;
}

/** Lays a case out below `work`, its images being those of `registry`. */
export async function layOutGolden(golden: GoldenCase, work: string, registry: string): Promise<GoldenBuild> {
  const { args, contexts, platform, secrets, target } = golden.parameters;
  const parsed = parsePlatform(platform);
  if (!parsed.ok) throw new Error(`${golden.name}: ${platform} is not a platform`);
  const context = join(work, 'context');
  await copyGoldenContext(golden, 'context', context);
  for (const name of contexts) await copyGoldenContext(golden, join('contexts', name), join(work, 'contexts', name));
  const directories = contexts.map((name) => [name, join(work, 'contexts', name)] as const);
  const text = golden.dockerfile.replaceAll(recordedHost, registry);
  const path = join(work, 'Dockerfile');
  await writeFile(path, text);
  const ignoreFile = join(golden.directory, 'Dockerfile.dockerignore');
  if (existsSync(ignoreFile)) await copyFile(ignoreFile, `${path}.dockerignore`);
  return {
    embedded: {
      context,
      dockerfile: { path, text },
      buildArgs: args,
      buildContexts: Object.fromEntries(
        directories.map(([name, directory]) => [name, { type: 'directory' as const, directory }]),
      ),
      platforms: [parsed.platform],
      secrets: Object.keys(secrets).map((id) => ({ id, from: { env: secretVariable(id) } })),
      ...(target !== null && { target }),
    },
    env: Object.fromEntries(Object.entries(secrets).map(([id, value]) => [secretVariable(id), value])),
    real: {
      context,
      file: path,
      buildArgs: args,
      buildContexts: Object.fromEntries(directories),
      platform,
      secrets,
      ...(target !== null && { target }),
    },
  };
}

/** Recorded builds with all layers, beside the repository, as a checkout may have them. */
export function goldenWithLayers(): string {
  return join(repositoryRoot(), '..', 'shared', 'golden');
}

/** Why the recorded builds cannot be built; undefined if they can. */
export function whyNoGolden(): string | undefined {
  const base = join(goldenWithLayers(), 'base');
  const reason = 'the recorded builds need the layers of their base image, which lie beside some checkouts only';
  if (!existsSync(join(base, 'index.json'))) return reason;
  const { manifests } = JSON.parse(readFileSync(join(base, 'index.json'), 'utf8')) as {
    readonly manifests: readonly { readonly digest: string }[];
  };
  const blob = (digest: string): string => join(base, 'blobs', digest.replace(':', '/'));
  const manifest = parseImageManifest(readFileSync(blob(manifests[0]!.digest)));
  return manifest.layers.every(({ digest }) => existsSync(blob(digest))) ? undefined : reason;
}

/** Names of the recorded builds, known before any of them is read. */
export function goldenNames(): readonly string[] {
  return ['cases', 'more']
    .flatMap((folder) => readdirSync(join(repositoryRoot(), 'test-data/golden', folder), { withFileTypes: true }))
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
    .sort();
}

function secretVariable(id: string): string {
  return `NXRC_GOLDEN_SECRET_${id}`;
}
