import { basename, dirname } from 'node:path';
import { formatPlatform } from '../../oci/platform';
import { formatReference } from '../../oci/reference';
import type { BuildContext, BuildRequest } from '../contract';
import { annotationAttributes } from './annotation-text';
import { attributeText, cacheSourceText, cacheTargetText, outputText, secretText, sshText } from './attribute-text';
import { outputOptions } from './solve-target';

/** Arguments of `buildctl` for a request, in the words of the frontend `dockerfile.v0`. */
export function buildctlArguments(
  request: BuildRequest,
  options: { readonly host: string; readonly metadataFile: string },
): readonly string[] {
  const frontend: [string, string][] = [
    ['filename', basename(request.dockerfile.path)],
    ...(request.target === undefined ? [] : [['target', request.target] as [string, string]]),
    ['platform', request.platforms.map(formatPlatform).join(',')],
    ...prefixed('build-arg:', request.buildArgs),
    ...prefixed('label:', request.labels),
    ...runOptions(request),
    ...cachingOptions(request),
    ...(request.attestations ?? []).map(({ type, attributes }): [string, string] => [
      `attest:${type}`,
      attributeText(attributes),
    ]),
  ];
  const locals: [string, string][] = [
    ['context', request.context],
    ['dockerfile', dirname(request.dockerfile.path)],
  ];
  const layouts: [string, string][] = [];
  for (const [index, [name, context]] of Object.entries(request.buildContexts).entries()) {
    frontend.push([`context:${name}`, addContext(context, `context-${index}`, { locals, layouts })]);
  }
  const output = {
    ...outputOptions(request, { canRewriteTimestamps: true }),
    names: request.tags.map(formatReference),
    annotations: annotationAttributes(request),
  };
  return [
    `--addr=${options.host}`,
    'build',
    '--progress=rawjson',
    '--frontend=dockerfile.v0',
    ...flags('local', locals),
    ...flags('oci-layout', layouts),
    ...flags('opt', frontend),
    ...request.outputs.map((each) => `--output=${outputText(each, output)}`),
    ...request.cacheFrom.map((source) => `--import-cache=${cacheSourceText(source)}`),
    ...request.cacheTo.map((target) => `--export-cache=${cacheTargetText(target)}`),
    ...request.secrets.map((secret) => `--secret=${secretText(secret)}`),
    ...request.ssh.map((source) => `--ssh=${sshText(source)}`),
    ...[...(request.allow ?? []), ...(request.network === 'host' ? ['network.host'] : [])].map(
      (entitlement) => `--allow=${entitlement}`,
    ),
    `--metadata-file=${options.metadataFile}`,
  ];
}

function runOptions(request: BuildRequest): readonly [string, string][] {
  const { network, extraHosts, ulimits, shmSizeBytes, cgroupParent, sourceDateEpoch } = request;
  const found: [string, string][] = [];
  if (network !== 'default') found.push(['force-network-mode', network]);
  if (extraHosts.length > 0) found.push(['add-hosts', extraHosts.map(({ host, ip }) => `${host}=${ip}`).join(',')]);
  if (ulimits.length > 0) {
    found.push(['ulimit', ulimits.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`).join(',')]);
  }
  if (shmSizeBytes !== undefined) found.push(['shm-size', String(shmSizeBytes)]);
  if (cgroupParent !== undefined) found.push(['cgroup-parent', cgroupParent]);
  if (sourceDateEpoch !== undefined) found.push(['build-arg:SOURCE_DATE_EPOCH', String(sourceDateEpoch)]);
  return found;
}

/** An empty `no-cache` means all stages. */
function cachingOptions({ noCache, pull }: BuildRequest): readonly [string, string][] {
  const found: [string, string][] = [];
  if (noCache === true) found.push(['no-cache', '']);
  else if (noCache !== false && noCache.length > 0) found.push(['no-cache', noCache.join(',')]);
  if (pull) found.push(['image-resolve-mode', 'pull']);
  return found;
}

function addContext(
  context: BuildContext,
  id: string,
  { locals, layouts }: { readonly locals: [string, string][]; readonly layouts: [string, string][] },
): string {
  switch (context.type) {
    case 'directory':
      locals.push([id, context.directory]);
      return `local:${id}`;
    case 'image':
      return `docker-image://${formatReference(context.reference)}`;
    case 'oci-layout':
      layouts.push([id, context.directory]);
      return `oci-layout://${id}${context.tag === undefined ? '' : `:${context.tag}`}${context.digest === undefined ? '' : `@${context.digest}`}`;
  }
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): readonly [string, string][] {
  return Object.entries(values).map(([key, value]) => [`${prefix}${key}`, value]);
}

function flags(name: string, pairs: readonly (readonly [string, string])[]): readonly string[] {
  return pairs.map(([key, value]) => `--${name}=${key}=${value}`);
}
