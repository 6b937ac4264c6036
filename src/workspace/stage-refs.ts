import type { ImageOutput } from '../engine/contract';
import { tryParseReference } from '../oci/reference';
import { verifyModes, type StageRefSettings } from '../stage-refs/contract';
import type { DockerBuildOptions } from './docker-build-options';
import type { Mistakes } from './mistakes';

/** Options that mean nothing without a cache repository. */
const dependentOptions = ['verify', 'explain', 'dryRun'] as const;

/**
 * The option `cache` with those that go with it. Layers of stage refs are compressed like those of the image, so that
 * either can be mounted from the other.
 */
export function readStageRefs(
  options: DockerBuildOptions,
  outputs: readonly ImageOutput[],
  mistakes: Mistakes,
): StageRefSettings | undefined {
  const { cache, verify = 'manifest', dryRun = false } = options;
  if (cache === undefined || cache === '') {
    for (const option of dependentOptions) {
      if (options[option] === undefined || options[option] === false) continue;
      const hint = 'such as cache: "ghcr.io/acme/cache"';
      mistakes.add('OPTION_MISSING', option, `${option} is about the refs in the repository of "cache"`, hint);
    }
    return undefined;
  }
  if (!verifyModes.includes(verify)) mistakes.addUnknownWord('verify', 'way to verify', verify, verifyModes);
  const parsed = tryParseReference(cache);
  if (!parsed.ok) {
    mistakes.add('OPTION_INVALID', 'cache', `"${cache}" is no repository: ${parsed.reason}`);
    return undefined;
  }
  const { reference } = parsed;
  if (reference.tag !== undefined || reference.digest !== undefined) {
    const hint = 'leave out the tag; for a cache under one tag there are cacheFrom and cacheTo';
    mistakes.add('OPTION_INVALID', 'cache', `"${cache}" is one image; cache takes a repository`, hint);
  }
  const image = outputs.find((output) => output.type === 'image');
  const compression = image?.type === 'image' ? image.compression : undefined;
  return {
    repository: reference,
    scopes: [],
    verify,
    write: true,
    dryRun,
    compression: compression ?? { type: 'gzip' },
    ignoreError: false,
  };
}
