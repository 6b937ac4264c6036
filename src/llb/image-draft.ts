import type { ContainerConfig, HistoryEntry, ImageConfig } from '../oci/image-config';
import type { Platform } from '../oci/platform';
import { splitEntry } from './environment';

/** What tells BuildKit's history entries from those of other builders. */
const historyComment = 'buildkit.dockerfile.v0';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The image that `FROM scratch` starts from. */
export function emptyImage(platform: Platform): ImageConfig {
  return {
    ...platform,
    config: { Env: [`PATH=${defaultPath}`], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [] },
    history: [],
  };
}

const imageKeys = [
  'author',
  'architecture',
  'os',
  'variant',
  'os.version',
  'os.features',
  'rootfs',
  'history',
] as const;

/** Fields of a container config, in the order of Go's structs. */
export const containerKeys = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'ArgsEscaped',
  'Healthcheck',
  'OnBuild',
  'Shell',
] as const;

/**
 * What a new image takes over from its base image: the fields that BuildKit knows. The time of creation is the new
 * image's own; what other builders added (`container`, `docker_version`, `Hostname`) goes.
 */
export function inheritImage(base: ImageConfig): ImageConfig {
  const image = pick(base, imageKeys);
  const config: ContainerConfig = pick(base.config ?? {}, containerKeys);
  return { ...image, config } as ImageConfig;
}

function pick<T extends object, K extends keyof T>(value: T, keys: readonly K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const key of keys) if (value[key] !== undefined && value[key] !== null) picked[key] = value[key];
  return picked;
}

/** `image` with some fields of its container config set; undefined removes one. */
export function withConfig(
  image: ImageConfig,
  changes: { readonly [K in keyof ContainerConfig]: ContainerConfig[K] | undefined },
): ImageConfig {
  const config = Object.fromEntries(
    Object.entries({ ...image.config, ...changes }).filter(([, value]) => value !== undefined),
  );
  return { ...image, config };
}

/** `image` with `PATH` set if it has none: BuildKit never runs a step without. */
export function withDefaultPath(image: ImageConfig): ImageConfig {
  const entries = image.config?.Env ?? [];
  if (entries.some((entry) => splitEntry(entry).key === 'PATH')) return image;
  return withConfig(image, { Env: [...entries, `PATH=${defaultPath}`] });
}

/** `image` with a variable set in its place if it is there already, else at the end. */
export function withEnv(image: ImageConfig, key: string, value: string): ImageConfig {
  const entries = [...(image.config?.Env ?? [])];
  const index = entries.findIndex((entry) => splitEntry(entry).key === key);
  entries[index < 0 ? entries.length : index] = `${key}=${value}`;
  return withConfig(image, { Env: entries });
}

export interface HistoryOptions {
  readonly hasLayer: boolean;
  /** ISO time; given only for reproducible builds, else the layer's own time is filled in when the image is finished. */
  readonly created: string | undefined;
}

export function withHistory(image: ImageConfig, createdBy: string, options: HistoryOptions): ImageConfig {
  const entry: HistoryEntry = {
    ...(options.created !== undefined && { created: options.created }),
    created_by: createdBy,
    comment: historyComment,
    ...(!options.hasLayer && { empty_layer: true }),
  };
  return { ...image, history: [...(image.history ?? []), entry] };
}
