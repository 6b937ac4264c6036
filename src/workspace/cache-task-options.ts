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
