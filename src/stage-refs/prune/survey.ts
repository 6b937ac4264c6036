import { findCacheConfig } from '../../cache/cache-manifest';
import { MAX_CONFIG_BYTES, parseCacheConfig } from '../../cache/cache-config';
import type { CallOptions, ContentStore } from '../../content/contract';
import { Limiter } from '../../content/limiter';
import { readBlob } from '../../content/read-blob';
import { settleAll } from '../../content/settle-all';
import { CodedError, isCodedError } from '../../diagnostics/coded-error';
import type { Descriptor } from '../../oci/descriptor';
import type { Digest } from '../../oci/digest';
import { childrenOf, parseManifest, type Manifest } from '../../oci/manifest';
import { isImageConfig, isIndex, isManifest } from '../../oci/media-types';
import { maxImageConfigBytes, parseImageConfig } from '../../oci/parse-image-config';
import { listedBuilds, readBuild, type ListedBuild } from '../inputs-store';
import type { StageInputs } from '../stage-inputs';
import { stageTag } from '../stage-tags';
import { writtenAtAnnotation } from '../written-at';
import type { BuildFacts, TagFacts, TagName } from './contract';
import { readTagName } from './tag-name';

/** Tags that are looked at at a time. */
const concurrentTags = 8;
/** Manifests below one index; an image has two for each platform at most. */
const maxChildren = 256;

export interface SurveyOptions extends CallOptions {
  /** Told after each tag. */
  readonly onTag?: (done: number, total: number) => void;
}

/**
 * Finds out what there is: names, then manifests, the configs that tell ages, and the lists of builds. What disappears
 * meanwhile is left out; what cannot be read is a fact with a problem.
 *
 * The lists come after everything else: a build writes its list before it writes anything else, so whatever was found is
 * either listed by then or as old as it says.
 *
 * Rejects with what keeps the tags from being listed, or the registry from answering.
 */
export async function survey(store: ContentStore, options: SurveyOptions): Promise<readonly TagFacts[]> {
  const { signal } = options;
  const call: CallOptions = signal ? { signal } : {};
  const names: TagName[] = [];
  for await (const tag of store.tags(call)) names.push(readTagName(tag));
  return look(store, names, options);
}

/**
 * What has changed since a survey, put into its facts: tags that are new, those that are gone, and lists of builds. A new
 * tag counts as written now, whatever its dates say. What else tags point at is not asked again.
 */
export async function refresh(
  store: ContentStore,
  known: readonly TagFacts[],
  { nowMs, signal }: CallOptions & { readonly nowMs: number },
): Promise<readonly TagFacts[]> {
  const call: CallOptions = signal ? { signal } : {};
  const names = new Map<string, TagName>();
  for await (const tag of store.tags(call)) names.set(tag, readTagName(tag));
  const stale = new Set(known.filter(({ kind }) => kind === 'inputs').map(({ tag }) => tag));
  const rest = known.filter(({ tag }) => names.has(tag) && !stale.has(tag));
  for (const { tag } of rest) names.delete(tag);
  const before = new Set(known.map(({ tag }) => tag));
  const found = await look(store, [...names.values()], call);
  return inOrder([...rest, ...found.map((each) => (before.has(each.tag) ? each : { ...each, createdAtMs: nowMs }))]);
}

async function look(
  store: ContentStore,
  names: readonly TagName[],
  options: SurveyOptions,
): Promise<readonly TagFacts[]> {
  const { signal } = options;
  const call: CallOptions = signal ? { signal } : {};
  const limiter = new Limiter(concurrentTags);
  let done = 0;
  const read = async (name: TagName): Promise<readonly TagFacts[]> => {
    const facts = await limiter.run(() => readTag(store, name, call), signal);
    options.onTag?.(++done, names.length);
    return facts ? [facts] : [];
  };
  const lists = names.filter(({ kind }) => kind === 'inputs');
  const others = names.filter(({ kind }) => kind !== 'inputs');
  const found = (await settleAll(others.map(read))).flat();
  found.push(...(await settleAll(lists.map(read))).flat());
  return inOrder(found);
}

function inOrder(facts: readonly TagFacts[]): readonly TagFacts[] {
  return [...facts].sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

/** Undefined if it is not there any more. */
async function readTag(store: ContentStore, name: TagName, call: CallOptions): Promise<TagFacts | undefined> {
  try {
    const stored = await store.getManifest(name.tag, call);
    if (!stored) return undefined;
    const manifest = parseManifest(stored.bytes, stored.descriptor.mediaType);
    const children = await readChildren(store, manifest, call);
    const manifests = [manifest, ...children.map((child) => child.manifest)];
    const createdAtMs = newestOf(await Promise.all(manifests.map((each) => timeOf(store, each, call))));
    return {
      ...name,
      digest: stored.descriptor.digest,
      ...(createdAtMs !== undefined && { createdAtMs }),
      blobs: [stored.descriptor, ...manifests.flatMap(childrenOf)],
      layers: manifests.flatMap(layersOf),
      children: children.map(({ digest }) => digest),
      subjects: manifests.flatMap(({ subject }) => (subject ? [subject.digest] : [])),
      builds: await readBuilds(store, manifest, call),
    };
  } catch (error) {
    call.signal?.throwIfAborted();
    // A registry that does not answer for one tag does not for the next.
    if (!isCodedError(error, ...unreadableCodes)) throw error;
    const found = await store.resolve(name.tag, call);
    if (!found) return undefined;
    const nothing = { layers: [], children: [], subjects: [], builds: [] };
    return { ...name, ...nothing, digest: found.digest, blobs: [found], problem: error.message };
  }
}

interface ChildManifest {
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/** The manifests below an index that the repository has, each once: one per platform, and attestations. */
async function readChildren(
  store: ContentStore,
  manifest: Manifest,
  call: CallOptions,
): Promise<readonly ChildManifest[]> {
  const found = new Map<Digest, ChildManifest>();
  const open = [manifest];
  for (let next = open.pop(); next; next = open.pop()) {
    for (const { digest } of childrenOf(next).filter(isManifestLike)) {
      if (found.has(digest)) continue;
      if (found.size >= maxChildren) throw tooManyChildren();
      const stored = await store.getManifest(digest, call);
      if (!stored) continue;
      const child = parseManifest(stored.bytes, stored.descriptor.mediaType);
      found.set(digest, { digest, manifest: child });
      open.push(child);
    }
  }
  return [...found.values()];
}

/** Such a tag is left alone. */
function tooManyChildren(): Error {
  const reason = `it has more than ${maxChildren} manifests below it`;
  return new CodedError('MANIFEST_INVALID', reason, { reason });
}

const unreadableCodes = [
  'MANIFEST_INVALID',
  'BLOB_CORRUPT',
  'BLOB_MISSING',
  'CACHE_CONFIG_INVALID',
  'IMAGE_CONFIG_INVALID',
  'REGISTRY_PROTOCOL',
] as const;

function isManifestLike({ mediaType }: Descriptor): boolean {
  return isManifest(mediaType) || isIndex(mediaType);
}

function layersOf(manifest: Manifest): readonly Digest[] {
  const cache = findCacheConfig(manifest);
  if (cache) return [...cache.layers.keys()];
  return manifest.kind === 'manifest' ? manifest.layers.map(({ digest }) => digest) : [];
}

/** From an annotation, else from the newest result of a cache, else from an image's config. */
async function timeOf(store: ContentStore, manifest: Manifest, call: CallOptions): Promise<number | undefined> {
  const written = timeFrom(manifest.annotations?.[writtenAtAnnotation]);
  const [latest] = listedBuilds(manifest);
  if (latest) return timeFrom(latest.createdAt);
  const cache = findCacheConfig(manifest);
  if (cache) {
    if (written !== undefined || cache.config.size > MAX_CONFIG_BYTES) return written;
    const { records } = parseCacheConfig(await readBlob(store, cache.config, call));
    return newestOf(records.flatMap(({ layers }) => layers.map(({ createdAt }) => timeFrom(createdAt))));
  }
  if (manifest.kind !== 'manifest' || !isImageConfig(manifest.config.mediaType)) return written;
  if (manifest.config.size > maxImageConfigBytes) return written;
  const { created } = parseImageConfig(await readBlob(store, manifest.config, call));
  return newestOf([written, timeFrom(created)]);
}

/** The builds of a list; inputs that several of them have in common are read once. */
async function readBuilds(store: ContentStore, manifest: Manifest, call: CallOptions): Promise<readonly BuildFacts[]> {
  const listed = listedBuilds(manifest);
  const byDigest = new Map(listed.map((build) => [build.inputs.digest, build]));
  const read = [...byDigest].map(async ([digest, build]) => [digest, await readStages(store, build, call)] as const);
  const stages = new Map(await settleAll(read));
  return listed.map(({ createdAt, image, inputs, scope }) => {
    const createdAtMs = timeFrom(createdAt);
    return {
      ...(createdAtMs !== undefined && { createdAtMs }),
      ...(image !== undefined && { image }),
      ...(scope !== undefined && { scope }),
      stages: stages.get(inputs.digest) ?? new Map<string, readonly string[]>(),
    };
  });
}

async function readStages(store: ContentStore, listed: ListedBuild, call: CallOptions): Promise<BuildFacts['stages']> {
  const inputs = await readInputsOf(store, listed, call);
  const tags = new Map(inputs.map(({ stage, key }) => [`${stage}\0${key}`, stageTag(stage, key)]));
  return new Map(
    inputs.map(({ stage, key, stages: below }) => {
      const needed = Object.entries(below).flatMap(([name, other]) => tags.get(`${name}\0${other}`) ?? []);
      return [stageTag(stage, key), needed] as const;
    }),
  );
}

/** Nothing where the build's inputs are lost or damaged: then its image alone is known. */
async function readInputsOf(
  store: ContentStore,
  { inputs }: ListedBuild,
  call: CallOptions,
): Promise<readonly StageInputs[]> {
  try {
    return (await readBuild(store, inputs, call)) ?? [];
  } catch (error) {
    call.signal?.throwIfAborted();
    if (isCodedError(error) && !isCodedError(error, ...unreadableCodes)) throw error;
    return [];
  }
}

/** Undefined for what is no time, and for the years 1 and 1970, by which tools say that they do not know. */
function timeFrom(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) || time <= 0 ? undefined : time;
}

function newestOf(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.reduce<number | undefined>((newest, time) => Math.max(newest ?? time, time), undefined);
}
