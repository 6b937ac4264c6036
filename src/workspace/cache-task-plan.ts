import { readCacheSources, readCacheTargets } from '../cache/attributes';
import { isStoredTarget, type CacheSource, type CacheTarget, type StoredCacheTarget } from '../cache/location';
import { hasErrors, type Diagnostic } from '../diagnostics/diagnostic';
import { isTag } from '../oci/reference';
import { insecureCacheHosts } from './cache-options';
import type {
  CacheCopyOptions,
  CacheExportOptions,
  CacheImportOptions,
  CacheInspectOptions,
  CachesOption,
  CacheTaskOptions,
  InspectFormat,
} from './cache-task-options';
import type { AttributesOption, ProgressMode } from './docker-build-options';
import { readGitState, type GitState } from './git';
import type { Invocation } from './invocation';
import { Mistakes } from './mistakes';
import { absolutePath } from './paths';
import { requireWritable } from './writable-path';
import { rejoinTexts } from './split-texts';
import { replaceTokens } from './tokens';

/** What every executor on caches needs to know. */
export interface CacheTaskPlan {
  readonly sources: readonly CacheSource[];
  readonly progress: ProgressMode;
  readonly insecureRegistries: readonly string[];
}

export interface CacheImportPlan extends CacheTaskPlan {
  /** Absolute directory of the layout. */
  readonly directory: string;
  /** The tag in the layout; default: that of the source. */
  readonly tag?: string;
}

export interface CacheCopyPlan extends CacheTaskPlan {
  readonly targets: readonly StoredCacheTarget[];
}

export interface CacheInspectPlan extends CacheTaskPlan {
  readonly allTags: boolean;
  readonly format: InspectFormat;
  /** Absolute; without it, the report is printed. */
  readonly outputFile?: string;
}

export type CacheTaskPlanResult<P> =
  | { readonly ok: true; readonly plan: P; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const defaultHtmlFile = 'cache.html';

/** Checks the options of `cache-import`. All mistakes at once. */
export function planCacheImport(
  given: CacheImportOptions,
  invocation: Invocation,
): CacheTaskPlanResult<CacheImportPlan> {
  return readTaskPlan(given, invocation, (options, mistakes) => {
    const sources = readSources(options.from, options, invocation, mistakes);
    requireText(options.dest, 'dest', 'a directory for the cache', mistakes);
    checkTag(options.tag, mistakes);
    if (options.tag !== undefined && sources.length > 1) {
      mistakes.add(
        'OPTION_CONFLICT',
        'tag',
        'several caches cannot have one tag',
        'leave it out, or merge with cache-copy',
      );
    }
    const directory = absolutePath(options.dest ?? '', invocation);
    if (options.dest !== undefined) requireWritable(directory, 'directory', 'dest', mistakes);
    return { ...common(options, sources), directory, ...(options.tag !== undefined && { tag: options.tag }) };
  });
}

/** Checks the options of `cache-export`. All mistakes at once. */
export function planCacheExport(given: CacheExportOptions, invocation: Invocation): CacheTaskPlanResult<CacheCopyPlan> {
  return readTaskPlan(given, invocation, (options, mistakes) => {
    const { src = '', tag = 'latest' } = options;
    requireText(src, 'src', 'the directory of a cache', mistakes);
    checkTag(options.tag, mistakes);
    const directory = absolutePath(src, invocation);
    const source: CacheSource = { type: 'local', directory, tag, location: `${src}:${tag}` };
    const targets = readTargets(options.to, options, invocation, mistakes);
    return { ...common(options, [source], targets), targets };
  });
}

/** Checks the options of `cache-copy`. All mistakes at once. */
export function planCacheCopy(given: CacheCopyOptions, invocation: Invocation): CacheTaskPlanResult<CacheCopyPlan> {
  return readTaskPlan(given, invocation, (options, mistakes) => {
    const sources = readSources(options.from, options, invocation, mistakes);
    const targets = readTargets(options.to, options, invocation, mistakes);
    return { ...common(options, sources, targets), targets };
  });
}

/** Checks the options of `cache-inspect`. All mistakes at once. */
export function planCacheInspect(
  given: CacheInspectOptions,
  invocation: Invocation,
): CacheTaskPlanResult<CacheInspectPlan> {
  return readTaskPlan(given, invocation, (options, mistakes) => {
    const { format = 'table' } = options;
    const sources = readSources(options.from, options, invocation, mistakes);
    const named = options.outputFile ?? (format === 'html' ? defaultHtmlFile : undefined);
    const outputFile = named === undefined ? undefined : absolutePath(named, invocation);
    if (outputFile !== undefined) requireWritable(outputFile, 'file', 'outputFile', mistakes);
    return {
      ...common(options, sources),
      format,
      allTags: options.allTags ?? false,
      ...(outputFile !== undefined && { outputFile }),
    };
  });
}

/** Replaces tokens, reads, and gives either a plan or all that is wrong. */
export function readTaskPlan<O extends CacheTaskOptions, P>(
  given: O,
  invocation: Invocation,
  read: (options: O, mistakes: Mistakes) => P,
): CacheTaskPlanResult<P> {
  const mistakes = new Mistakes();
  let git: GitState | undefined;
  const sources = { invocation, git: () => (git ??= readGitState(invocation.workspaceRoot, invocation.env)) };
  const options = replaceTokens(given, sources, mistakes);
  if (hasErrors(mistakes.diagnostics)) return { ok: false, diagnostics: mistakes.diagnostics };
  const result = read(options, mistakes);
  if (hasErrors(mistakes.diagnostics)) return { ok: false, diagnostics: mistakes.diagnostics };
  return { ok: true, plan: result, warnings: mistakes.diagnostics };
}

function common(
  options: CacheTaskOptions,
  sources: readonly CacheSource[],
  targets: readonly CacheTarget[] = [],
): CacheTaskPlan {
  const insecure = insecureCacheHosts({ cacheFrom: sources, cacheTo: targets });
  return {
    sources,
    progress: options.progress ?? 'auto',
    insecureRegistries: [...(options.insecureRegistries ?? []), ...insecure],
  };
}

function readSources(
  given: CachesOption | undefined,
  options: CacheTaskOptions,
  { workspaceRoot }: Invocation,
  mistakes: Mistakes,
): readonly CacheSource[] {
  const values = asList(given);
  if (values.length === 0)
    mistakes.add('OPTION_MISSING', 'from', 'no cache is named', 'such as from: ["ghcr.io/acme/cache:main"]');
  const read = { option: 'from', workingDirectory: workspaceRoot, strict: options.strict ?? true };
  const { sources, diagnostics } = readCacheSources(values, read);
  mistakes.addAll(diagnostics);
  return sources;
}

/** Here the mode is `max` unless it is given: what a cache has is to be there afterwards. */
function readTargets(
  given: CachesOption | undefined,
  options: CacheTaskOptions,
  { workspaceRoot }: Invocation,
  mistakes: Mistakes,
): readonly StoredCacheTarget[] {
  const values = asList(given);
  if (values.length === 0)
    mistakes.add('OPTION_MISSING', 'to', 'no place for the cache is named', 'such as to: ["ghcr.io/acme/cache:main"]');
  const { targets, diagnostics } = readCacheTargets(values, {
    option: 'to',
    workingDirectory: workspaceRoot,
    strict: options.strict ?? true,
    defaultMode: 'max',
  });
  mistakes.addAll(diagnostics);
  for (const { destination } of targets) {
    if (destination.type === 'local') requireWritable(destination.directory, 'directory', 'to', mistakes);
  }
  for (const target of targets) warnOfIdleCompression(target, mistakes);
  const stored = targets.filter(isStoredTarget);
  if (stored.length < targets.length) {
    mistakes.add('OPTION_INVALID', 'to', 'type=inline needs an image that is built', 'use it with docker-build');
  }
  return stored;
}

/** As in BuildKit, a compression that is not forced is for layers without one, and layers of a cache have one. */
function warnOfIdleCompression({ compression, destination, forceCompression }: CacheTarget, mistakes: Mistakes): void {
  if (forceCompression || (compression.type === 'gzip' && compression.level === undefined)) return;
  mistakes.addAll([
    {
      code: 'OPTION_CONFLICT',
      severity: 'warning',
      message: `compression=${compression.type} changes nothing at ${destination.location}, as the layers have one already`,
      hint: 'add force-compression=true',
      location: { file: 'to' },
    },
  ]);
}

function asList(given: CachesOption | undefined): readonly AttributesOption[] {
  if (given === undefined || given === '') return [];
  return Array.isArray(given) ? rejoinTexts(given as readonly AttributesOption[]) : [given as AttributesOption];
}

function requireText(value: string | undefined, option: string, what: string, mistakes: Mistakes): void {
  if (value === undefined || value === '') mistakes.add('OPTION_MISSING', option, `${what} is missing`);
}

function checkTag(tag: string | undefined, mistakes: Mistakes): void {
  if (tag !== undefined && !isTag(tag)) mistakes.add('OPTION_INVALID', 'tag', `"${tag}" is no tag`);
}
