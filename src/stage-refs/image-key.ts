import type { Dockerfile } from '../dockerfile/ast';
import type { BuildRequest } from '../engine/contract';
import type { BuildInput } from '../engine/embedded/build-input';
import { convertBuild, targetPlatform } from '../engine/embedded/convert-build';
import { hasErrors } from '../diagnostics/diagnostic';
import type { Conversion } from '../llb/conversion';
import type { Digest } from '../oci/digest';
import { formatPlatform, hostPlatform, type Platform } from '../oci/platform';
import { formatReference, type Reference } from '../oci/reference';
import { mediaTypes } from '../oci/media-types';
import { keyOf, type FieldRecord } from './field-hash';
import { labelOf } from './stage-inputs';
import type { StageKey } from './stage-tags';
import { verticesBelow, type VertexKeys } from './vertex-keys';

/** Arguments that a build knows without a declaration, and that change what it does. */
const effectiveArgument = /^(?:BUILDKIT_|TARGET|BUILD(?:PLATFORM|OS|ARCH|VARIANT)$|SOURCE_DATE_EPOCH$)/;
const mentionsBuildPlatform = /BUILD(?:PLATFORM|OS|ARCH|VARIANT)/;

export interface ImageKeyOptions {
  readonly input: BuildInput;
  /** The digest that a base image's reference stands for: an index, if it is one. */
  readonly resolve: (reference: Reference) => Promise<Digest>;
  readonly keys: VertexKeys;
  readonly signal?: AbortSignal;
}

export interface ImageKey {
  readonly key: StageKey;
  /** Name of the stage that is built, or `stage-N`. */
  readonly target: string;
  /** What the graph reads that base images had no part in choosing. */
  readonly reads: readonly string[];
}

/**
 * The key of the image of a build, from what is at hand: Dockerfile, arguments, settings, the digests of base images, and
 * the files that the graph reads. No base image's config is read for it, so pinned base images cost no request. It is
 * good only if that config would not make the graph read anything else, which {@link isSameReads} tells whoever has
 * the real graph: a key under which nothing wrong was ever written finds nothing wrong.
 *
 * Undefined where the graph cannot even be made without base images; whoever makes the real one says what is wrong.
 */
export async function computeImageKey(request: BuildRequest, options: ImageKeyOptions): Promise<ImageKey | undefined> {
  const { input, keys, signal } = options;
  const bases = new Map<string, Digest>();
  const conversion = await convertBuild(request, input, {
    ...(signal && { signal }),
    resolveImage: async (reference, platform) => {
      const digest = await options.resolve(reference);
      bases.set(`${formatReference(reference)} ${formatPlatform(platform)}`, digest);
      return blankImage(digest, platform);
    },
  });
  if (hasErrors(conversion.diagnostics) || !conversion.target) return undefined;
  const reads = await readsOf(conversion, keys);
  const text = request.dockerfile.text.replaceAll('\r\n', '\n');
  const key = keyOf('image', {
    ...settingsOf(request),
    dockerfile: text,
    buildArgs: effectiveArguments(request.buildArgs, input.dockerfile),
    buildPlatform: mentionsBuildPlatform.test(text) ? formatPlatform(hostPlatform(process)) : undefined,
    bases: Object.fromEntries(bases),
    contexts: Object.fromEntries(Object.entries(input.contexts).map(([name, { kind }]) => [name, kind])),
    reads: [...reads],
  });
  return { key, target: labelOf(conversion.target), reads };
}

/** Whether the real graph reads just what the key was computed from, so that the key may be written under. */
export async function isSameReads(
  conversion: Conversion,
  known: readonly string[],
  keys: VertexKeys,
): Promise<boolean> {
  // Triggers may hide arguments and instructions that the key knows nothing of.
  if (conversion.stages.some(({ baseImage }) => (baseImage?.config?.OnBuild ?? []).length > 0)) return false;
  const real = await readsOf(conversion, keys);
  return real.length === known.length && real.every((read, index) => read === known[index]);
}

/** Everything that a build's image depends on besides Dockerfile, arguments and content. */
export function settingsOf(request: BuildRequest): FieldRecord {
  const { attestations = [], placedAnnotations = [] } = request;
  const output = request.outputs.find((each) => each.type === 'image');
  return {
    platform: formatPlatform(targetPlatform(request)),
    target: request.target?.toLowerCase(),
    labels: request.labels,
    annotations: request.annotations,
    ...(placedAnnotations.length > 0 && {
      placedAnnotations: placedAnnotations.map(({ key, place, platform, value }) => [
        ...[place, platform && formatPlatform(platform), key, value],
      ]),
    }),
    network: request.network,
    extraHosts: request.extraHosts.map(({ host, ip }) => [host, ip]),
    ulimits: request.ulimits.map(({ name, soft, hard }) => [name, soft, hard]),
    shmSizeBytes: request.shmSizeBytes,
    cgroupParent: request.cgroupParent,
    sourceDateEpoch: request.sourceDateEpoch,
    ...(attestations.length > 0 && {
      attestations: attestations.map(({ type, attributes }) => [type, attributes]),
    }),
    form:
      output?.type === 'image'
        ? {
            ociMediaTypes: output.ociMediaTypes,
            compression: output.compression?.type ?? 'gzip',
            level: output.compression?.level,
            force: output.forceCompression ?? false,
          }
        : undefined,
  };
}

/** The arguments that can reach a build: those that the Dockerfile declares, and those that need no declaration. */
export function effectiveArguments(
  given: Readonly<Record<string, string>>,
  dockerfile: Dockerfile,
): Readonly<Record<string, string>> {
  const declared = new Set(
    [...dockerfile.metaArgs, ...dockerfile.stages.flatMap(({ instructions }) => instructions)].flatMap((instruction) =>
      instruction.kind === 'ARG' ? instruction.args.map(({ key }) => key) : [],
    ),
  );
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => declared.has(name) || effectiveArgument.test(name)),
  );
}

/** A stand-in for an image that is known by its digest alone. It has a layer, as one without counts as scratch. */
function blankImage(digest: Digest, platform: Platform) {
  return {
    digest,
    manifest: { mediaType: mediaTypes.ociManifest, digest, size: 0 },
    config: { ...platform, rootfs: { type: 'layers' as const, diff_ids: [digest] } },
  };
}

/** Sorted, each once. */
async function readsOf(conversion: Conversion, keys: VertexKeys): Promise<readonly string[]> {
  const reads = await Promise.all(
    verticesBelow(conversion.root).map(async (vertex) => {
      const source = await keys.sourceKeyOf(vertex);
      const contents = await Promise.all(
        [...keys.readsOf(vertex)].map(async ([index, read]) => {
          const input = vertex.inputs[index];
          const content = input && (await keys.digestOf(input, read));
          return keyOf('read', { name: read.source.name, selectors: JSON.stringify(read.selectors), content });
        }),
      );
      return [...contents, ...(source === undefined ? [] : [keyOf('source', { source })])];
    }),
  );
  return [...new Set(reads.flat())].sort();
}
