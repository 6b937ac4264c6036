import { joinCsvFields } from '../../dockerfile/csv';
import { unreachable } from '../../diagnostics/unreachable';
import { formatReference } from '../../oci/reference';
import type { CompressionOptions } from '../../compression/contract';
import type { Attestation, CacheSource, CacheTarget, ImageOutput, SecretSource, SshSource } from '../contract';

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

/** `key=value,…` as buildx and buildctl read it; what is undefined is left out. */
export function attributeText(values: Values): string {
  return joinCsvFields(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${String(value)}`])),
  );
}

export function cacheSourceText(source: CacheSource): string {
  return attributeText(
    source.type === 'registry'
      ? { type: 'registry', ref: formatReference(source.reference), ...insecure(source.insecure) }
      : { type: 'local', src: source.directory, ...(source.digest ? { digest: source.digest } : { tag: source.tag }) },
  );
}

/** With every attribute spelled out, so that defaults that differ between versions of BuildKit do not matter. */
export function cacheTargetText(target: CacheTarget): string {
  const { destination, mode } = target;
  if (destination.type === 'inline') return attributeText({ type: 'inline', mode });
  return attributeText({
    ...(destination.type === 'registry'
      ? { type: 'registry', ref: formatReference(destination.reference), ...insecure(destination.insecure) }
      : { type: 'local', dest: destination.directory, tag: destination.tag }),
    mode,
    'oci-mediatypes': target.ociMediaTypes,
    'image-manifest': target.imageManifest,
    ...compressionValues(target.compression, target.forceCompression),
    ...(target.ignoreError && { 'ignore-error': true }),
  });
}

export interface OutputTextOptions {
  /** Of the image, where the names are not given otherwise, as with buildctl. */
  readonly names?: readonly string[];
  /** Its registries are spoken to without TLS. */
  readonly insecure?: boolean;
  /** Files get no time after `SOURCE_DATE_EPOCH`. */
  readonly rewriteTimestamp?: boolean;
  /** Attributes that set them. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export function outputText(output: ImageOutput, options: OutputTextOptions = {}): string {
  const named = options.names?.length ? { name: options.names.join(',') } : {};
  const image = {
    ...named,
    ...(options.rewriteTimestamp && { 'rewrite-timestamp': true }),
    ...options.annotations,
  };
  switch (output.type) {
    case 'image':
      return attributeText({
        type: 'image',
        push: output.push,
        'oci-mediatypes': output.ociMediaTypes,
        ...(output.compression && compressionValues(output.compression, output.forceCompression)),
        ...(!output.compression && output.forceCompression && { 'force-compression': true }),
        ...insecure(output.push && options.insecure === true),
        ...image,
      });
    case 'oci':
    case 'docker':
      return attributeText({
        type: output.type,
        dest: output.destination,
        ...(!output.tar && { tar: false }),
        ...(output.compression && compressionValues(output.compression)),
        ...image,
      });
    case 'docker-load':
      return attributeText({ type: 'docker', ...named });
    case 'local':
    case 'tar':
      return attributeText({ type: output.type, dest: output.destination });
    default:
      return unreachable(output);
  }
}

export function secretText({ id, from }: SecretSource): string {
  return attributeText('env' in from ? { id, env: from.env } : { id, src: from.file });
}

export function sshText({ id, paths }: SshSource): string {
  return paths.length === 0 ? id : `${id}=${joinCsvFields(paths)}`;
}

export function attestationText({ type, attributes }: Attestation): string {
  return attributeText({ type, ...attributes });
}

function compressionValues({ type, level }: CompressionOptions, force?: boolean): Values {
  return { compression: type, 'compression-level': level, ...(force && { 'force-compression': true }) };
}

function insecure(isInsecure: boolean): Values {
  return isInsecure ? { 'registry.insecure': true } : {};
}
