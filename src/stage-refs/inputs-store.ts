import { gunzipSync, gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import type { CallOptions, ContentStore } from '../content/contract';
import { readBlob } from '../content/read-blob';
import type { Descriptor } from '../oci/descriptor';
import { digestOf } from '../oci/digest';
import { parseImageManifest, serializeManifest, type Manifest } from '../oci/manifest';
import { mediaTypes } from '../oci/media-types';
import { parseStrictJson } from '../oci/strict-json';
import { foldFiles } from './fold-files';
import type { StageInputs } from './stage-inputs';
import { writtenAtAnnotation } from './written-at';

/** Artifact type of the manifest that lists what the latest builds of a target were made from. */
export const inputsArtifactType = 'application/vnd.nx-registry-cache.inputs.v1';
const inputsMediaType = 'application/vnd.nx-registry-cache.inputs.v1+json+gzip';

/** Builds that are read to explain a miss. */
const maxExplained = 4;
/** Builds that are listed per target, so that a clean-up knows what belongs to an image. */
const maxListed = 100;
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

/** Annotations of a listed build: the tag of its image, and that of the branch's cache that it wrote. */
const imageAnnotation = 'vnd.nx-registry-cache.image';
const scopeAnnotation = 'vnd.nx-registry-cache.scope';

/** What is said of a build in a list. */
export interface BuildNotes {
  /** RFC 3339; undefined for what says none. */
  readonly createdAt?: string;
  /** Tag of its image. */
  readonly image?: string;
  /** Tag of the branch's cache that it wrote. */
  readonly scope?: string;
}

export interface ListedBuild extends BuildNotes {
  readonly inputs: Descriptor;
}

/** The builds that a manifest of inputs lists, newest first; of any other manifest, nothing. */
export function listedBuilds(manifest: Manifest): readonly ListedBuild[] {
  if (manifest.kind !== 'manifest' || manifest.artifactType !== inputsArtifactType) return [];
  return manifest.layers.slice(0, maxListed).map((inputs) => {
    const createdAt = inputs.annotations?.[writtenAtAnnotation];
    const image = inputs.annotations?.[imageAnnotation];
    const scope = inputs.annotations?.[scopeAnnotation];
    return {
      inputs,
      ...(createdAt !== undefined && { createdAt }),
      ...(image !== undefined && { image }),
      ...(scope !== undefined && { scope }),
    };
  });
}

/** The inputs of the latest builds, newest first. What cannot be read is passed over: it only explains. */
export async function readInputs(
  store: ContentStore,
  tag: string,
  options: CallOptions,
): Promise<{ readonly builds: readonly (readonly StageInputs[])[]; readonly layers: readonly Descriptor[] }> {
  const layers = await readList(store, tag, options);
  // Images that differ in a label only are of the same inputs.
  const distinct = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  try {
    const builds = await Promise.all(distinct.slice(0, maxExplained).map((layer) => readBuild(store, layer, options)));
    return { builds: builds.flatMap((build) => (build ? [build] : [])), layers };
  } catch {
    options.signal?.throwIfAborted();
    return { builds: [], layers };
  }
}

/** The builds that are listed, newest first, unread; none where the list cannot be had. */
export async function readList(store: ContentStore, tag: string, options: CallOptions): Promise<readonly Descriptor[]> {
  try {
    const stored = await store.getManifest(tag, options);
    return stored ? parseImageManifest(stored.bytes).layers.slice(0, maxListed) : [];
  } catch {
    options.signal?.throwIfAborted();
    return [];
  }
}

export interface WriteInputsOptions extends CallOptions, BuildNotes {
  readonly stages: readonly StageInputs[];
  /** What is listed already. */
  readonly earlier: readonly Descriptor[];
  /** Write only if the build is not listed yet. */
  readonly ifMissing?: boolean;
}

/** Puts a build in front of those that are listed. The last writer wins. */
export async function writeInputs(store: ContentStore, tag: string, options: WriteInputsOptions): Promise<void> {
  const { createdAt, earlier, image, scope, signal, stages } = options;
  const call = signal ? { signal } : {};
  const bytes = packBuild(stages);
  if (bytes === undefined) return;
  const annotations = {
    ...(createdAt !== undefined && { [writtenAtAnnotation]: createdAt }),
    ...(image !== undefined && { [imageAnnotation]: image }),
    ...(scope !== undefined && { [scopeAnnotation]: scope }),
  };
  const layer: Descriptor = { mediaType: inputsMediaType, digest: digestOf(bytes), size: bytes.length, annotations };
  const others = earlier.filter((other) => !isSameBuild(other, layer));
  if (options.ifMissing === true && others.length < earlier.length) return;
  const config: Descriptor = {
    mediaType: mediaTypes.ociEmpty,
    digest: digestOf(emptyConfig),
    size: emptyConfig.length,
  };
  await store.put(layer, () => Promise.resolve(Readable.from([bytes])), call);
  await store.put(config, () => Promise.resolve(Readable.from([emptyConfig])), call);
  const manifest = serializeManifest({
    kind: 'manifest',
    mediaType: mediaTypes.ociManifest,
    artifactType: inputsArtifactType,
    config,
    layers: [layer, ...others].slice(0, maxListed),
  });
  await store.putManifest({ mediaType: mediaTypes.ociManifest, bytes: manifest }, { ...call, tag });
}

/** Of the same inputs, with the same image, on the same branch: then the newer one stands for both. */
function isSameBuild(a: Descriptor, b: Descriptor): boolean {
  const notes = [imageAnnotation, scopeAnnotation];
  return a.digest === b.digest && notes.every((note) => a.annotations?.[note] === b.annotations?.[note]);
}

/** The stages of one listed build; undefined where it cannot be used. */
export async function readBuild(
  store: ContentStore,
  layer: Descriptor,
  options: CallOptions,
): Promise<readonly StageInputs[] | undefined> {
  if (layer.mediaType !== inputsMediaType || layer.size > maxInputsBytes) return undefined;
  const json = gunzipSync(await readBlob(store, layer, options), { maxOutputLength: maxJsonBytes });
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
