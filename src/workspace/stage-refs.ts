import type { ImageOutput } from '../engine/contract';
import { withTag, type Reference } from '../oci/reference';
import { verifyModes, type StageRefSettings } from '../stage-refs/contract';
import { HmacSignatures } from '../stage-refs/hmac-signatures';
import { scopeTag } from '../stage-refs/stage-tags';
import { readCacheRepositories, type CacheRepositories } from './cache-repositories';
import { readCacheSecrets } from './cache-secrets';
import { readChangeContext } from './ci/change-context';
import type { DockerBuildOptions } from './docker-build-options';
import { readGitBranches } from './git';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { cacheRights, trustPresets, type CacheAccess, type CacheRights, type Scope, type TrustPreset } from './trust';

/** Options that mean nothing without a cache repository. */
const dependentOptions = ['verify', 'explain', 'dryRun', 'trust', 'untrustedCache'] as const;

/** A target of this name needs none in the tag of its scope. */
const usualTargetName = 'docker-build';

export interface StageRefsOptions {
  readonly invocation: Invocation;
  readonly outputs: readonly ImageOutput[];
  readonly access: CacheAccess;
}

/**
 * The option `cache` with those that go with it, as far as the build may use it. Layers of stage refs are compressed like
 * those of the image, so that either can be mounted from the other.
 */
export function readStageRefs(
  options: DockerBuildOptions,
  { access, invocation, outputs }: StageRefsOptions,
  mistakes: Mistakes,
): StageRefSettings | undefined {
  const { cache, verify = 'manifest', dryRun = false, trust = 'protected' } = options;
  if (cache === undefined || cache === '') {
    for (const option of dependentOptions) {
      if (options[option] === undefined || options[option] === false) continue;
      const hint = 'such as cache: "ghcr.io/acme/cache"';
      mistakes.add('OPTION_MISSING', option, `${option} is about the refs in the repository of "cache"`, hint);
    }
    return undefined;
  }
  if (!verifyModes.includes(verify)) mistakes.addUnknownWord('verify', 'way to verify', verify, verifyModes);
  if (!trustPresets.includes(trust)) mistakes.addUnknownWord('trust', 'kind of trust', trust, trustPresets);
  const repositories = readCacheRepositories(options, mistakes);
  const secrets = readCacheSecrets(invocation.env, mistakes);
  if (repositories === undefined || !trustPresets.includes(trust)) return undefined;
  if (access === 'off') {
    // Without refs there is no plan to tell, and it must not become a build.
    if (dryRun) mistakes.add('OPTION_CONFLICT', 'dryRun', 'a plan is about a cache, and the cache is off');
    return undefined;
  }
  const rights = readRights(trust, access, invocation);
  const [first, ...others] = rights.reads.map((side) => repositories[side]);
  if (first === undefined) return undefined;
  const ref = (scope: Scope): Reference => scopeRef(scope, repositories, { options, invocation });
  const image = outputs.find((output) => output.type === 'image');
  const compression = image?.type === 'image' ? image.compression : undefined;
  return {
    reads: [first, ...others],
    writes: rights.writes && repositories[rights.writes],
    scopes: rights.importScopes.map(ref),
    exportScope: rights.exportScope && ref(rights.exportScope),
    signatures: secrets.length === 0 ? undefined : new HmacSignatures(secrets),
    isTrusted: rights.isTrusted,
    verify,
    dryRun,
    compression: compression ?? { type: 'gzip' },
    // Pull requests of forks and laptops often may not write at all, which is no reason to fail.
    ignoreError: !rights.isTrusted,
  };
}

function readRights(
  preset: TrustPreset,
  access: CacheAccess,
  { defaultBase, env, workspaceRoot }: Invocation,
): CacheRights {
  const git = readGitBranches(workspaceRoot);
  const change = readChangeContext({ env, git, ...(defaultBase !== undefined && { defaultBase }) });
  return cacheRights({ change, preset, access });
}

/** Of one target of one project, for the platforms it is asked for: targets of one branch do not overwrite each other. */
function scopeRef(
  { branch, side }: Scope,
  repositories: CacheRepositories,
  { invocation, options }: { readonly invocation: Invocation; readonly options: DockerBuildOptions },
): Reference {
  const { projectName, targetName = usualTargetName } = invocation;
  const platforms = options.platforms ?? (options.platform === undefined ? [] : [options.platform]);
  const target = targetName === usualTargetName ? [] : [targetName];
  return withTag(repositories[side], scopeTag([branch, projectName, ...target, ...platforms]));
}
