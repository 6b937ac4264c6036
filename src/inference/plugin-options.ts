import { nearestWord } from '../diagnostics/nearest-word';
import { trustPresets, type TrustPreset } from '../workspace/trust';

/** Options of the plugin's entry in `nx.json`. Tokens in texts are replaced when a target runs. */
export interface PluginOptions {
  /** Registry and path in front of image names. Default: `NX_DOCKER_CACHE_REGISTRY` at run time, else `localhost:5000`. */
  readonly registry?: string;
  /** Name of the image behind the registry. Default: `{projectSlug}`. */
  readonly image?: string;
  /** Tags of the image. Default: `latest`, in CI (configuration `ci`) the commit as well. */
  readonly tags?: readonly string[];
  /** Repository of the cache, or false for none. Default: `cache` in the registry. */
  readonly cache?: string | false;
  /** Who may write what others read. Default: `protected`. */
  readonly trust?: TrustPreset;
  /** Repository of the cache of builds that are not trusted. Default: that of `cache` with `-untrusted` behind it. */
  readonly untrustedCache?: string;
  /** Compression of layers, in the image and in the cache. */
  readonly compression?: 'gzip' | 'zstd' | 'estargz' | 'uncompressed';
  /** Name of the targets; further Dockerfiles of a project get `-suffix`. Default: `docker-build`. */
  readonly targetName?: string;
  /** Target that builds what a Dockerfile copies, where outputs do not tell. Default: `build`. */
  readonly buildTarget?: string;
  /** Name of the configuration that pushes, or false for none. Default: `ci`. */
  readonly ciConfiguration?: string | false;
  readonly engine?: 'auto' | 'embedded' | 'buildkit';
  /** Whether the configuration that pushes also writes the cache; false for jobs that must not. Default: true. */
  readonly writeCache?: boolean;
  /** Further options of the executor for every target. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** {@link PluginOptions} with every default filled in. */
export interface PluginSettings {
  readonly registry: string;
  /** No one said which registry there is, so its absence must not fail a build. */
  readonly registryIsGuessed: boolean;
  readonly image: string;
  readonly tags: readonly string[] | undefined;
  readonly cache: string | undefined;
  readonly trust: TrustPreset | undefined;
  readonly untrustedCache: string | undefined;
  readonly compression: string | undefined;
  readonly targetName: string;
  readonly buildTarget: string;
  readonly ciConfiguration: string | undefined;
  readonly engine: string | undefined;
  readonly writeCache: boolean;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Read at run time, so that Nx Cloud's and a laptop's registry need no different configuration. */
const registryFromEnvironment = '${NX_DOCKER_CACHE_REGISTRY:-localhost:5000}';

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isTextOrFalse = (value: unknown): boolean => value === false || isText(value);
const isOneOf =
  (...words: readonly string[]) =>
  (value: unknown): boolean =>
    words.includes(value as string);

const rules: Readonly<
  Record<keyof PluginOptions, { readonly is: (value: unknown) => boolean; readonly what: string }>
> = {
  registry: { is: isText, what: 'a text' },
  image: { is: isText, what: 'a text' },
  tags: { is: (value) => Array.isArray(value) && value.length > 0 && value.every(isText), what: 'a list of texts' },
  cache: { is: isTextOrFalse, what: 'a repository, or false' },
  trust: { is: isOneOf(...trustPresets), what: 'protected, strict or open' },
  untrustedCache: { is: isText, what: 'a repository' },
  compression: { is: isOneOf('gzip', 'zstd', 'estargz', 'uncompressed'), what: 'gzip, zstd, estargz or uncompressed' },
  targetName: { is: isText, what: 'a text' },
  buildTarget: { is: isText, what: 'a text' },
  ciConfiguration: { is: isTextOrFalse, what: 'a text, or false' },
  engine: { is: isOneOf('auto', 'embedded', 'buildkit'), what: 'auto, embedded or buildkit' },
  writeCache: { is: (value) => typeof value === 'boolean', what: 'true or false' },
  options: { is: (value) => typeof value === 'object' && value !== null && !Array.isArray(value), what: 'an object' },
};

/**
 * Checks the options and fills in what is missing.
 *
 * @throws Error that names everything that is wrong; Nx shows it in front of whatever command was given.
 */
export function resolvePluginOptions(given: PluginOptions | undefined): PluginSettings {
  const options = given ?? {};
  const problems = Object.entries(options).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (!(key in rules)) {
      const nearest = nearestWord(key, Object.keys(rules));
      return [`unknown option "${key}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`];
    }
    const rule = rules[key as keyof PluginOptions];
    return rule.is(value) ? [] : [`"${key}" has to be ${rule.what}`];
  });
  if (problems.length > 0) {
    throw new Error(`options of the plugin nx-registry-cache in nx.json: ${problems.join('; ')}`);
  }
  const registry = trimSlashes(options.registry ?? registryFromEnvironment);
  return {
    registry,
    registryIsGuessed: options.registry === undefined,
    image: options.image ?? '{projectSlug}',
    tags: options.tags,
    cache: options.cache === false ? undefined : (options.cache ?? `${registry}/cache`),
    trust: options.trust,
    untrustedCache: options.untrustedCache,
    compression: options.compression,
    targetName: options.targetName ?? 'docker-build',
    buildTarget: options.buildTarget ?? 'build',
    ciConfiguration: options.ciConfiguration === false ? undefined : (options.ciConfiguration ?? 'ci'),
    engine: options.engine,
    writeCache: options.writeCache ?? true,
    options: options.options ?? {},
  };
}

function trimSlashes(text: string): string {
  return text.replace(/\/+$/, '');
}
