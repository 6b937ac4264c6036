import { gunzipSync, gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import type { CallOptions, ContentStore } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import { digestOf } from '../oci/digest';
import { parseImageManifest, serializeManifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { parseStrictJson } from '../oci/strict-json';
import { foldFiles } from './fold-files';
import type { StageInputs } from './stage-inputs';

/** Artifact type of the manifest that lists what the latest builds of a target were made from. */
export const inputsArtifactType = 'application/vnd.nx-registry-cache.inputs.v1';
const inputsMediaType = 'application/vnd.nx-registry-cache.inputs.v1+json+gzip';

/** Builds that are remembered per target. */
const maxBuilds = 4;
/** Bytes of one build's inputs, compressed. */
const maxInputsBytes = 512 * 1024;
const maxJsonBytes = 8 * 1024 * 1024;
/** Files that are listed one by one; of more, whole directories stand for what is in them. */
const maxFiles = 20_000;

const emptyConfig = Buffer.from('{}');

interface StoredBuild {
  readonly version: 1;
  readonly stages: readonly StageInputs[];
}

/** The inputs of the latest builds, newest first. What cannot be read is passed over: it only explains. */
export async function readInputs(
  store: ContentStore,
  tag: string,
  options: CallOptions,
): Promise<{ readonly builds: readonly (readonly StageInputs[])[]; readonly layers: readonly Descriptor[] }> {
  try {
    const stored = await store.getManifest(tag, options);
    const layers = stored ? parseImageManifest(stored.bytes).layers.slice(0, maxBuilds) : [];
    const builds = await Promise.all(layers.map((layer) => readBuild(store, layer, options)));
    return { builds: builds.flatMap((build) => (build ? [build] : [])), layers };
  } catch {
    options.signal?.throwIfAborted();
    return { builds: [], layers: [] };
  }
}

/**
 * Puts a build in front of those that are remembered. The last writer wins; a build that another one overwrote is only
 * missing from explanations.
 */
export async function writeInputs(
  store: ContentStore,
  tag: string,
  options: CallOptions & { readonly stages: readonly StageInputs[]; readonly earlier: readonly Descriptor[] },
): Promise<void> {
  const call = options.signal ? { signal: options.signal } : {};
  const bytes = packBuild(options.stages);
  if (bytes === undefined) return;
  const layer: Descriptor = { mediaType: inputsMediaType, digest: digestOf(bytes), size: bytes.length };
  const config: Descriptor = {
    mediaType: mediaTypes.ociEmpty,
    digest: digestOf(emptyConfig),
    size: emptyConfig.length,
  };
  await store.put(layer, () => Promise.resolve(Readable.from([bytes])), call);
  await store.put(config, () => Promise.resolve(Readable.from([emptyConfig])), call);
  const others = options.earlier.filter(({ digest }) => digest !== layer.digest);
  const manifest = serializeManifest({
    kind: 'manifest',
    mediaType: mediaTypes.ociManifest,
    artifactType: inputsArtifactType,
    config,
    layers: [layer, ...others].slice(0, maxBuilds),
  });
  await store.putManifest({ mediaType: mediaTypes.ociManifest, bytes: manifest }, { ...call, tag });
}

async function readBuild(
  store: ContentStore,
  layer: Descriptor,
  options: CallOptions,
): Promise<readonly StageInputs[] | undefined> {
  if (layer.mediaType !== inputsMediaType || layer.size > maxInputsBytes) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of await store.open(layer, options)) chunks.push(chunk as Buffer);
  const json = gunzipSync(Buffer.concat(chunks), { maxOutputLength: maxJsonBytes });
  const parsed = parseStrictJson(json, { maxBytes: maxJsonBytes });
  return parsed.ok && isStoredBuild(parsed.value) ? parsed.value.stages : undefined;
}

/** As JSON, with fewer and fewer details until it is small enough; undefined if it never is. */
function packBuild(stages: readonly StageInputs[]): Buffer | undefined {
  for (let depth = depthFor(stages); depth >= 0; depth = depth === Infinity ? 6 : depth - 1) {
    const folded = depth === Infinity ? stages : stages.map((stage) => foldStage(stage, depth));
    const build: StoredBuild = { version: 1, stages: folded };
    const json = Buffer.from(JSON.stringify(build));
    if (json.length > maxJsonBytes) continue;
    const bytes = gzipSync(json, { level: 6 });
    if (bytes.length <= maxInputsBytes) return bytes;
  }
  return undefined;
}

function depthFor(stages: readonly StageInputs[]): number {
  const files = stages.flatMap(({ instructions }) => instructions.map((each) => each.files?.length ?? 0));
  return files.reduce((sum, count) => sum + count, 0) > maxFiles ? 6 : Infinity;
}

function foldStage(stage: StageInputs, depth: number): StageInputs {
  return {
    ...stage,
    instructions: stage.instructions.map((instruction) =>
      instruction.files ? { ...instruction, files: foldFiles(instruction.files, depth) } : instruction,
    ),
  };
}

/** Only the shape that a comparison walks; a stranger's values at worst explain nonsense. */
function isStoredBuild(value: unknown): value is StoredBuild {
  if (!isRecord(value) || value['version'] !== 1 || !Array.isArray(value['stages'])) return false;
  return value['stages'].every(
    (stage) =>
      isRecord(stage) &&
      typeof stage['stage'] === 'string' &&
      typeof stage['key'] === 'string' &&
      isTextRecord(stage['images']) &&
      isTextRecord(stage['stages']) &&
      isTextRecord(stage['args']) &&
      Array.isArray(stage['instructions']) &&
      stage['instructions'].every(isInstruction),
  );
}

function isInstruction(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { text, line, hash, files, sources } = value;
  const isPlain = typeof text === 'string' && typeof line === 'number' && typeof hash === 'string';
  if (!isPlain || (sources !== undefined && !isTextRecord(sources))) return false;
  return files === undefined || (Array.isArray(files) && files.every(isFile));
}

function isFile(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 4) return false;
  const [path, mode, size, digest] = value as readonly unknown[];
  return typeof path === 'string' && typeof mode === 'string' && typeof size === 'number' && typeof digest === 'string';
}

function isTextRecord(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
