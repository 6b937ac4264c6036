import { convertDockerfile } from '../../llb/convert';
import type { Conversion, ConvertOptions, ConvertRequest } from '../../llb/conversion';
import { hostPlatform, isSamePlatform, type Platform } from '../../oci/platform';
import type { BuildRequest } from '../contract';
import type { BuildInput } from './build-input';

/** The platform that a request is built for: its first, else this machine's. Images are Linux's wherever they are built. */
export function targetPlatform(request: BuildRequest): Platform {
  return request.platforms[0] ?? buildPlatform();
}

/** The platforms that a request is built for; this machine's where it names none. */
export function targetPlatforms(request: BuildRequest): readonly Platform[] {
  return request.platforms.length > 0 ? request.platforms : [buildPlatform()];
}

/** Whether a part of a request is about one of its platforms. */
export function isForPlatform(
  part: { readonly platform?: Platform },
  platform: Platform,
  request: BuildRequest,
): boolean {
  return isSamePlatform(part.platform ?? targetPlatform(request), platform);
}

/**
 * The graph of a request for one of its platforms, the first if none is named. Diagnostics of the Dockerfile are in the
 * conversion; it throws what `resolveImage` throws.
 */
export function convertBuild(
  request: BuildRequest,
  input: BuildInput,
  options: ConvertOptions & { readonly platform?: Platform },
): Promise<Conversion> {
  return convertDockerfile(convertRequest(request, input, options.platform ?? targetPlatform(request)), options);
}

/** What of the request and its input the conversion goes by. */
export function convertRequest(request: BuildRequest, input: BuildInput, platform: Platform): ConvertRequest {
  return {
    dockerfile: input.dockerfile,
    buildArgs: request.buildArgs,
    platform,
    multiPlatform: request.platforms.length > 1,
    buildPlatform: buildPlatform(),
    excludePatterns: input.excludePatterns,
    contexts: input.contexts,
    labels: request.labels,
    noCache: request.noCache,
    network: request.network,
    extraHosts: request.extraHosts,
    ulimits: request.ulimits,
    ...(request.target !== undefined && { target: request.target }),
    ...(request.shmSizeBytes !== undefined && { shmSizeBytes: request.shmSizeBytes }),
    ...(request.cgroupParent !== undefined && { cgroupParent: request.cgroupParent }),
    ...(request.sourceDateEpoch !== undefined && { sourceDateEpoch: request.sourceDateEpoch }),
  };
}

function buildPlatform(): Platform {
  return { ...hostPlatform(process), os: 'linux' };
}
