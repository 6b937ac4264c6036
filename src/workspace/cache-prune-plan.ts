import type { Reference } from '../oci/reference';
import { tryParseReference } from '../oci/reference';
import type { PruneRules } from '../stage-refs/prune/contract';
import { pruneFormats, type CachePruneOptions, type PruneFormat } from './cache-task-options';
import { readTaskPlan, type CacheTaskPlan, type CacheTaskPlanResult } from './cache-task-plan';
import { readChangeContext } from './ci/change-context';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { absolutePath } from './paths';

export interface CachePrunePlan extends CacheTaskPlan {
  readonly repository: Reference;
  readonly rules: PruneRules;
  readonly apply: boolean;
  readonly format: PruneFormat;
  /** Absolute; without it, the report is printed. */
  readonly outputFile?: string;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const defaultKeepDays = 14;
const defaultKeepBuilds = 4;
const defaultGraceMinutes = 60;
/** A build between its first and its last ref may take that long at least. */
const minGraceMinutes = 10;

/** Checks the options of `cache-prune`. All mistakes at once. */
export function planCachePrune(given: CachePruneOptions, invocation: Invocation): CacheTaskPlanResult<CachePrunePlan> {
  return readTaskPlan(given, invocation, (options, mistakes) => {
    const { format = 'table', outputFile } = options;
    if (!pruneFormats.includes(format)) mistakes.addUnknownWord('format', 'format', format, pruneFormats);
    return {
      sources: [],
      progress: options.progress ?? 'auto',
      insecureRegistries: options.insecureRegistries ?? [],
      repository: readRepository(options.cache, mistakes),
      rules: readRules(options, invocation, mistakes),
      apply: options.apply ?? false,
      format,
      ...(outputFile !== undefined && { outputFile: absolutePath(outputFile, invocation) }),
    };
  });
}

function readRules(options: CachePruneOptions, invocation: Invocation, mistakes: Mistakes): PruneRules {
  const { dropTargetsAfterDays } = options;
  const keepDays = atLeast(0, options.keepDays ?? defaultKeepDays, 'keepDays', mistakes);
  const keepBuilds = atLeast(1, options.keepBuilds ?? defaultKeepBuilds, 'keepBuilds', mistakes);
  const grace = atLeast(minGraceMinutes, options.graceMinutes ?? defaultGraceMinutes, 'graceMinutes', mistakes);
  if (dropTargetsAfterDays !== undefined) atLeast(1, dropTargetsAfterDays, 'dropTargetsAfterDays', mistakes);
  return {
    keepMs: keepDays * dayMs,
    graceMs: grace * minuteMs,
    keepBuilds,
    ...(dropTargetsAfterDays !== undefined && { dropTargetsAfterMs: dropTargetsAfterDays * dayMs }),
    keepTags: patterns(options.keepTags),
    keepScopes: options.keepScopes === undefined ? defaultScopes(invocation) : patterns(options.keepScopes),
  };
}

/** The default branch, as CI tells it or as it is mostly called. */
function defaultScopes({ env }: Invocation): readonly string[] {
  const { defaultBranch } = readChangeContext({ env, git: {} });
  return defaultBranch === undefined ? ['main', 'master'] : [defaultBranch];
}

function patterns(given: readonly string[] = []): readonly string[] {
  return given.filter((text) => text !== '');
}

function atLeast(min: number, value: number, option: string, mistakes: Mistakes): number {
  if (!Number.isFinite(value) || value < min) {
    mistakes.add('OPTION_INVALID', option, `${option} is a number from ${min}, not ${value}`);
  }
  return value;
}

function readRepository(cache: string | undefined, mistakes: Mistakes): Reference {
  const nothing: Reference = { host: '', repository: '' };
  if (cache === undefined || cache === '') {
    mistakes.add('OPTION_MISSING', 'cache', 'no repository is named', 'such as cache: "ghcr.io/acme/cache"');
    return nothing;
  }
  const parsed = tryParseReference(cache);
  if (!parsed.ok) {
    mistakes.add('OPTION_INVALID', 'cache', `"${cache}" is no repository: ${parsed.reason}`);
    return nothing;
  }
  const { digest, tag } = parsed.reference;
  if (tag !== undefined || digest !== undefined) {
    mistakes.add('OPTION_INVALID', 'cache', `"${cache}" is one image; cache takes a repository`, 'leave out the tag');
  }
  return parsed.reference;
}
