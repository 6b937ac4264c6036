import { CodedError } from '../diagnostics/coded-error';
import type { ImageConfig } from './image-config';
import { JsonShape, optional, ShapeError } from './json-shape';
import { isDigest, type Digest } from './digest';
import { parseStrictJson } from './strict-json';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    IMAGE_CONFIG_INVALID: { readonly reason: string };
  }
}

/** Bytes of an image config. Real ones have kilobytes; labels and inline caches make some grow. */
export const maxImageConfigBytes = 16 * 1024 * 1024;

const textFields = ['variant', 'os.version', 'created', 'author'];
const containerTexts = ['User', 'WorkingDir', 'StopSignal'];
const containerLists = ['Env', 'Entrypoint', 'Cmd', 'OnBuild', 'Shell'];
const historyTexts = ['created', 'created_by', 'author', 'comment'];

/**
 * Parses the config of an image (OCI image-spec, config.md, and Docker's). Fields that are `null` are left out of the
 * result, fields that nobody knows stay in it.
 *
 * @throws CodedError `IMAGE_CONFIG_INVALID` with the reason.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const json = parseStrictJson(bytes, { maxBytes: maxImageConfigBytes });
  if (!json.ok) throw invalid(json.reason);
  try {
    check(new JsonShape(json.value, 'config'));
  } catch (error) {
    if (error instanceof ShapeError) throw invalid(error.message, error);
    throw error;
  }
  const config = withoutNulls(json.value as ImageConfig);
  // Go writes the layers of an image that has none as null.
  const rootfs = { ...config.rootfs, diff_ids: (config.rootfs.diff_ids as readonly Digest[] | null) ?? [] };
  return { ...config, rootfs, ...optional('config', config.config && withoutNulls(config.config)) };
}

function check(shape: JsonShape): void {
  shape.string('os');
  shape.string('architecture');
  textFields.forEach((key) => shape.optionalString(key));
  shape.strings('os.features');
  const rootfs = shape.object('rootfs');
  if (rootfs.string('type') !== 'layers') throw rootfs.wrong('type', 'is not "layers"');
  if (!rootfs.list('diff_ids').every(isDigest)) throw rootfs.wrong('diff_ids', 'is not an array of digests');
  shape.objects('history').forEach(checkHistory);
  const container = shape.optionalObject('config');
  if (container !== undefined) checkContainer(container);
}

function checkHistory(entry: JsonShape): void {
  historyTexts.forEach((key) => entry.optionalString(key));
  const empty = entry.get('empty_layer');
  if (empty !== undefined && typeof empty !== 'boolean') throw entry.wrong('empty_layer', 'is not a boolean');
}

function checkContainer(container: JsonShape): void {
  containerTexts.forEach((key) => container.optionalString(key));
  containerLists.forEach((key) => container.strings(key));
  container.optionalStringMap('Labels');
  container.optionalObject('ExposedPorts');
  container.optionalObject('Volumes');
  container.optionalObject('Healthcheck')?.strings('Test');
}

function withoutNulls<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) as T;
}

function invalid(reason: string, cause?: unknown): CodedError<'IMAGE_CONFIG_INVALID'> {
  return new CodedError('IMAGE_CONFIG_INVALID', `the image config is refused: ${reason}`, { reason }, { cause });
}
