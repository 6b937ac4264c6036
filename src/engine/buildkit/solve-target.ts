import { unreachable } from '../../diagnostics/unreachable';
import { formatPlatform, type Platform } from '../../oci/platform';
import { formatReference } from '../../oci/reference';
import type { BuildContext, BuildRequest, ImageOutput, StageCache } from '../contract';
import { annotationTexts } from './annotation-text';
import { exportedStages } from './stage-targets';
import {
  attestationText,
  cacheSourceText,
  cacheTargetText,
  outputText,
  secretText,
  sshText,
  type OutputTextOptions,
} from './attribute-text';

/** One target of a solve in the words of buildx, whatever command it is given to. */
export interface SolveTarget {
  readonly name: string;
  readonly context: string;
  readonly dockerfile: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  readonly contexts: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** As buildx's `--annotation` has them. */
  readonly annotations: readonly string[];
  readonly platforms: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly outputs: readonly string[];
  readonly secrets: readonly string[];
  readonly ssh: readonly string[];
  readonly network: 'default' | 'host' | 'none';
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  readonly pull: boolean;
  /** `host=address`. */
  readonly extraHosts: readonly (readonly [string, string])[];
  /** `name=soft:hard`. */
  readonly ulimits: readonly string[];
  readonly shmSizeBytes?: number;
  readonly cgroupParent?: string;
  readonly attestations: readonly string[];
  readonly allow: readonly string[];
}

/** Name of the target that the request is about; the others are stages. */
export const mainTargetName = 'nxrc-image';

/** What all names of targets begin with: they stand in the names of vertices, where no stage should look like one. */
export const targetPrefix = 'nxrc-';

export interface SolveTargetOptions {
  /** Whether files can get `SOURCE_DATE_EPOCH` as their time; the image store of docker cannot do that. */
  readonly canRewriteTimestamps: boolean;
}

/** The targets of one solve: the image, and a stage for each cache that is exported besides. */
export function solveTargets(request: BuildRequest, options: SolveTargetOptions): readonly SolveTarget[] {
  const ofAnyStage = anyTarget(request, options);
  const main = { ...ofAnyStage, ...(request.target !== undefined && { target: request.target }) };
  const aside = { tags: [], annotations: [], attestations: [], cacheTo: [] };
  const stages = exportedStages(request).map(({ cache, target }): SolveTarget => ({
    ...ofAnyStage,
    ...aside,
    ...forPlatform(cache.platform, request),
    name: stageTargetName(cache, request),
    ...(target !== undefined && { target }),
    cacheTo: [cacheTargetText(cache.target)],
    outputs: ['type=cacheonly'],
  }));
  const first = request.outputs.find((output) => output.type === 'image');
  const pushed: ImageOutput = { ...(first ?? { type: 'image', ociMediaTypes: true }), push: true };
  const refs = (request.imageRefs ?? []).map(({ platform, reference }): SolveTarget => ({
    ...main,
    ...forPlatform(platform, request),
    annotations: annotationTexts(request, platform ?? request.platforms[0]),
    name: imageRefTargetName(platform, request),
    tags: [formatReference(reference)],
    cacheTo: [],
    outputs: [outputText(pushed, outputOptions(request, options))],
  }));
  return [main, ...stages, ...refs];
}

/** Name of the target that exports the cache of a stage. */
export function stageTargetName({ platform, stage }: StageCache, request: BuildRequest): string {
  return `${targetPrefix}stage-${stage}${suffixOf(platform, request)}`;
}

/** Name of the target that pushes a name of the image in the cache. */
export function imageRefTargetName(platform: Platform | undefined, request: BuildRequest): string {
  return `${targetPrefix}ref${suffixOf(platform, request)}`;
}

/** What is about one platform of several is solved for that one alone. */
function forPlatform(platform: Platform | undefined, { platforms }: BuildRequest): Pick<SolveTarget, 'platforms'> {
  const one = platform ?? platforms[0];
  return { platforms: one === undefined ? [] : [formatPlatform(one)] };
}

function suffixOf(platform: Platform | undefined, { platforms }: BuildRequest): string {
  return platform === undefined || platforms.length < 2 ? '' : `-${formatPlatform(platform).replaceAll('/', '-')}`;
}

/** What the targets of a solve have in common; it builds the last stage. */
function anyTarget(request: BuildRequest, options: SolveTargetOptions): SolveTarget {
  const { sourceDateEpoch, shmSizeBytes, cgroupParent, noCache } = request;
  return {
    name: mainTargetName,
    context: request.context,
    dockerfile: request.dockerfile.path,
    args: {
      ...request.buildArgs,
      ...(sourceDateEpoch !== undefined && { SOURCE_DATE_EPOCH: String(sourceDateEpoch) }),
    },
    contexts: Object.fromEntries(
      Object.entries(request.buildContexts).map(([name, context]) => [name, contextText(context)]),
    ),
    tags: request.tags.map(formatReference),
    labels: request.labels,
    annotations: annotationTexts(request),
    platforms: request.platforms.map(formatPlatform),
    cacheFrom: request.cacheFrom.map(cacheSourceText),
    cacheTo: request.cacheTo.map(cacheTargetText),
    outputs: request.outputs.map((output) => outputText(output, outputOptions(request, options))),
    secrets: request.secrets.map(secretText),
    ssh: request.ssh.map(sshText),
    network: request.network,
    noCache: noCache === true,
    noCacheFilter: typeof noCache === 'boolean' ? [] : noCache,
    pull: request.pull,
    extraHosts: request.extraHosts.map(({ host, ip }) => [host, ip]),
    ulimits: request.ulimits.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`),
    ...(shmSizeBytes !== undefined && { shmSizeBytes }),
    ...(cgroupParent !== undefined && { cgroupParent }),
    attestations: (request.attestations ?? []).map(attestationText),
    allow: [...new Set([...(request.allow ?? []), ...(request.network === 'host' ? ['network.host'] : [])])],
  };
}

/** What a request says of all of its outputs. Loopback registries need no mention: BuildKit, too, tries plain HTTP there. */
export function outputOptions(
  { tags, insecureRegistries, sourceDateEpoch }: BuildRequest,
  { canRewriteTimestamps }: SolveTargetOptions,
): OutputTextOptions {
  return {
    insecure: tags.some(({ host }) => insecureRegistries.includes(host)),
    rewriteTimestamp: canRewriteTimestamps && sourceDateEpoch !== undefined,
  };
}

function contextText(context: BuildContext): string {
  switch (context.type) {
    case 'directory':
      return context.directory;
    case 'image':
      return `docker-image://${formatReference(context.reference)}`;
    case 'oci-layout': {
      const tag = context.tag === undefined ? '' : `:${context.tag}`;
      const digest = context.digest === undefined ? '' : `@${context.digest}`;
      return `oci-layout://${context.directory}${tag}${digest}`;
    }
    default:
      return unreachable(context);
  }
}
