import type { AttributesOption, ProgressMode } from './docker-build-options';

/** One cache or several. */
export type CachesOption = AttributesOption | readonly AttributesOption[];

export const inspectFormats = ['table', 'json', 'html'] as const;
export type InspectFormat = (typeof inspectFormats)[number];

/** Options that every executor on caches has. */
export interface CacheTaskOptions {
  readonly insecureRegistries?: readonly string[];
  readonly strict?: boolean;
  readonly progress?: ProgressMode;
}

/** The options of `cache-import`, as its `schema.json` describes them. */
export interface CacheImportOptions extends CacheTaskOptions {
  readonly from?: CachesOption;
  readonly dest?: string;
  readonly tag?: string;
}

/** The options of `cache-export`. */
export interface CacheExportOptions extends CacheTaskOptions {
  readonly src?: string;
  readonly tag?: string;
  readonly to?: CachesOption;
}

/** The options of `cache-copy`. */
export interface CacheCopyOptions extends CacheTaskOptions {
  readonly from?: CachesOption;
  readonly to?: CachesOption;
}

/** The options of `cache-inspect`. */
export interface CacheInspectOptions extends CacheTaskOptions {
  readonly from?: CachesOption;
  readonly allTags?: boolean;
  readonly format?: InspectFormat;
  readonly outputFile?: string;
}

export const pruneFormats = ['table', 'json'] as const;
export type PruneFormat = (typeof pruneFormats)[number];

/** The options of `cache-prune`. */
export interface CachePruneOptions extends CacheTaskOptions {
  readonly cache?: string;
  readonly apply?: boolean;
  readonly keepDays?: number;
  readonly keepBuilds?: number;
  readonly keepTags?: readonly string[];
  readonly keepScopes?: readonly string[];
  readonly dropTargetsAfterDays?: number;
  readonly graceMinutes?: number;
  readonly format?: PruneFormat;
  readonly outputFile?: string;
}
