import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic';
import { hasErrors } from '../diagnostics/diagnostic';
import type { BuildRequest } from '../engine/contract';
import { findFileMistakes } from '../engine/embedded/check-input';
import { unsupportedByEmbedded } from '../engine/supported-options';
import { formatReference, type Reference } from '../oci/reference';
import type { StageRefSettings } from '../stage-refs/contract';
import { readAnnotations } from './annotations';
import { readAttestations } from './attestations';
import { readBuildArgs, readValues } from './build-args';
import { readBuildContexts } from './build-contexts';
import { permittedCaches, readCacheAccess } from './cache-access';
import { insecureCacheHosts, readCaches, refuseImageTagsAsCache } from './cache-options';
import type { DockerBuildOptions, EngineChoice, ProgressMode } from './docker-build-options';
import { readEntitlements } from './entitlements';
import { readGitState, type GitState } from './git';
import type { Invocation } from './invocation';
import { Mistakes } from './mistakes';
import { readOutputs, readReference } from './outputs';
import { absolutePath, requirePath } from './paths';
import { readPlatforms } from './platforms';
import { readDockerfileProjectImages } from './project-images';
import { readEpoch, readExtraHosts, readSize, readUlimits } from './run-limits';
import { readSecrets, readSsh } from './secrets';
import { rejoinSplitOptions } from './split-texts';
import { readStageRefs } from './stage-refs';
import { replaceTokens } from './tokens';
import type { CacheAccess } from './trust';
import { requireWritable } from './writable-path';

/** A Dockerfile above this is a mistake in the path. */
const maxDockerfileBytes = 4 * 1024 * 1024;

/** A build with all of its options resolved, and what the executor itself needs to know. */
export interface BuildPlan {
  readonly request: BuildRequest;
  readonly engine: EngineChoice;
  /** Name of a builder of buildx; without it the current one. */
  readonly builder?: string;
  readonly progress: ProgressMode;
  /** Undefined without the option `cache`. */
  readonly stageRefs?: StageRefSettings;
  /** Whether all causes of misses are printed. */
  readonly explain: boolean;
  /** Absolute. */
  readonly metadataFile?: string;
  /** Absolute. */
  readonly imageFile?: string;
  /** Absolute: local layers and cache. */
  readonly stateDirectory: string;
}

export type PlanResult =
  | { readonly ok: true; readonly plan: BuildPlan; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Checks options and turns them into a build. Touches no network and starts nothing but git (for its tokens). Everything
 * that is wrong comes back at once, each mistake with the option (and index) it stands at.
 */
export async function planBuild(given: DockerBuildOptions, invocation: Invocation): Promise<PlanResult> {
  const mistakes = new Mistakes();
  const options = replaceTokens(
    rejoinSplitOptions(given),
    { invocation, git: lazily(() => readGitState(invocation.workspaceRoot, invocation.env)) },
    mistakes,
  );
  // A token without a value would only bring further mistakes that are none.
  if (hasErrors(mistakes.diagnostics)) return { ok: false, diagnostics: mistakes.diagnostics };

  const access = readCacheAccess(options, invocation, mistakes);
  const request = await readRequest(options, { invocation, access }, mistakes);
  const engine = options.engine ?? 'auto';
  const builder = options.builder === '' ? undefined : options.builder;
  if (engine === 'embedded') {
    if (request !== undefined) mistakes.addAll(unsupportedByEmbedded(request));
    if (builder !== undefined) {
      mistakes.add('OPTION_CONFLICT', 'builder', 'the embedded engine has no builders', 'use engine: buildkit');
    }
  }
  const files = readFiles(options, invocation, mistakes);
  const stageRefs = readStageRefs(options, { invocation, outputs: request?.outputs ?? [], access }, mistakes);
  if (request === undefined || hasErrors(mistakes.diagnostics)) {
    // The engine finds them, too, but would not be asked; with BuildKit as the engine they are BuildKit's to find.
    if (request !== undefined && engine !== 'buildkit') mistakes.addAll(await findFileMistakes(request));
    return { ok: false, diagnostics: mistakes.diagnostics };
  }
  return {
    ok: true,
    warnings: mistakes.diagnostics,
    plan: {
      request,
      engine,
      ...(builder === undefined ? {} : { builder }),
      progress: options.progress ?? 'auto',
      explain: options.explain ?? false,
      ...(stageRefs === undefined ? {} : { stageRefs }),
      ...files,
    },
  };
}

async function readRequest(
  options: DockerBuildOptions,
  { access, invocation }: { readonly invocation: Invocation; readonly access: CacheAccess },
  mistakes: Mistakes,
): Promise<BuildRequest | undefined> {
  const context = await readContext(options, invocation, mistakes);
  const dockerfile = await readDockerfile(options, invocation, mistakes);
  const { outputs, tags: outputTags } = readOutputs(options, invocation, mistakes);
  const tags = uniqueReferences([...readTags(options.tags, mistakes), ...outputTags]);
  const caches = readCaches(options, invocation, mistakes);
  refuseImageTagsAsCache(tags, caches.cacheTo, options, mistakes);
  const { cacheFrom, cacheTo } = permittedCaches(caches, access);
  if (tags.length === 0 && outputs.some((output) => output.type === 'image' && output.push)) {
    mistakes.add(
      'OPTION_MISSING',
      'tags',
      'a push needs a tag',
      'such as tags: ["registry.example.com/{projectName}:{shortSha}"]',
    );
  }
  const epoch =
    options.sourceDateEpoch === undefined
      ? readEpoch(invocation.env['SOURCE_DATE_EPOCH'], 'SOURCE_DATE_EPOCH', mistakes)
      : readEpoch(options.sourceDateEpoch, 'sourceDateEpoch', mistakes);
  const shmSizeBytes = readSize(options.shmSize, 'shmSize', mistakes);
  const platforms = readPlatforms(options, invocation, mistakes);
  const attestations = readAttestations(options, mistakes);
  const rest = {
    buildArgs: readBuildArgs(options.buildArgs, invocation, mistakes),
    buildContexts: await readBuildContexts(options.buildContexts, invocation, mistakes),
    platforms,
    ...readAnnotations(options.annotations, { platforms, outputs, hasAttestations: attestations.length > 0 }, mistakes),
    labels: readValues(options.labels, 'labels', mistakes),
    attestations,
    allow: readEntitlements(options.allow, mistakes),
    secrets: readSecrets(options.secrets, invocation, mistakes),
    ssh: readSsh(options.ssh, invocation, mistakes),
    extraHosts: readExtraHosts(options.addHosts, mistakes),
    ulimits: readUlimits(options.ulimits, mistakes),
  };
  if (dockerfile === undefined) return undefined;
  const target = options.target === undefined || options.target === '' ? {} : { target: options.target };
  const projectImages = await readDockerfileProjectImages({ ...rest, ...target, dockerfile }, invocation, mistakes);
  return {
    ...rest,
    ...target,
    buildContexts: { ...projectImages, ...rest.buildContexts },
    context,
    dockerfile,
    tags,
    cacheFrom,
    cacheTo,
    outputs,
    network: options.network ?? 'default',
    noCache: options.noCache ?? false,
    pull: options.pull ?? false,
    insecureRegistries: [...(options.insecureRegistries ?? []), ...insecureCacheHosts({ cacheFrom, cacheTo })],
    ...(options.cgroupParent === undefined ? {} : { cgroupParent: options.cgroupParent }),
    ...(shmSizeBytes === undefined ? {} : { shmSizeBytes }),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
}

/** The places that the build writes besides its outputs. A default that cannot be written is only told where it is used. */
function readFiles(
  options: DockerBuildOptions,
  invocation: Invocation,
  mistakes: Mistakes,
): Pick<BuildPlan, 'metadataFile' | 'imageFile' | 'stateDirectory'> {
  const { metadataFile, imageFile } = options;
  const files = {
    ...(metadataFile === undefined ? {} : { metadataFile: absolutePath(metadataFile, invocation) }),
    ...(imageFile === undefined ? {} : { imageFile: absolutePath(imageFile, invocation) }),
  };
  for (const [option, path] of Object.entries(files)) requireWritable(path, 'file', option, mistakes);
  const state = stateDirectory(options, invocation);
  if (options.stateDir !== undefined) requireWritable(state, 'directory', 'stateDir', mistakes);
  return { ...files, stateDirectory: state };
}

/** Shared by all workspaces of a user: layers are found by content, and a second checkout profits from the first. */
function stateDirectory({ stateDir }: DockerBuildOptions, invocation: Invocation): string {
  if (stateDir !== undefined) return absolutePath(stateDir, invocation);
  const { XDG_CACHE_HOME: cacheHome } = invocation.env;
  const parent = cacheHome === undefined || cacheHome === '' ? join(invocation.homeDirectory, '.cache') : cacheHome;
  return join(parent, 'nx-registry-cache');
}

/** The workspace root by default: a monorepo's Dockerfiles copy lockfiles and shared libraries from there. */
async function readContext(options: DockerBuildOptions, invocation: Invocation, mistakes: Mistakes): Promise<string> {
  const given = options.context ?? '.';
  if (given === '-' || /^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(given)) {
    mistakes.add(
      'OPTION_NOT_SUPPORTED',
      'context',
      `"${given}" is not a directory`,
      'the context has to be a local directory',
    );
    return given;
  }
  const context = absolutePath(given, invocation);
  await requirePath(context, 'directory', 'context', mistakes);
  return context;
}

async function readDockerfile(
  options: DockerBuildOptions,
  invocation: Invocation,
  mistakes: Mistakes,
): Promise<BuildRequest['dockerfile'] | undefined> {
  const path = absolutePath(options.file ?? join(invocation.projectRoot, 'Dockerfile'), invocation);
  if (!(await requirePath(path, 'file', 'file', mistakes))) return undefined;
  const bytes = await readFile(path);
  if (bytes.length <= maxDockerfileBytes) return { path, text: bytes.toString('utf8') };
  mistakes.add(
    'OPTION_INVALID',
    'file',
    `${path} has ${bytes.length} bytes; a Dockerfile has at most ${maxDockerfileBytes}`,
  );
  return undefined;
}

function readTags(tags: readonly string[] | undefined, mistakes: Mistakes): readonly Reference[] {
  return (tags ?? []).flatMap((tag, index) => readReference(tag, `tags[${index}]`, mistakes) ?? []);
}

function uniqueReferences(references: readonly Reference[]): readonly Reference[] {
  return [...new Map(references.map((reference) => [formatReference(reference), reference])).values()];
}

function lazily(read: () => GitState): () => GitState {
  let state: GitState | undefined;
  return () => (state ??= read());
}
