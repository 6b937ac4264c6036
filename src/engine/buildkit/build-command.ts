import { buildxArguments, type BuildxCommandOptions } from './bake-command';
import type { SolveTarget } from './solve-target';

/** Arguments of `docker` for one target by `buildx build`, which knows flags that bake has no field for. */
export function buildArguments(target: SolveTarget, options: BuildxCommandOptions): readonly string[] {
  const { network, shmSizeBytes, cgroupParent } = target;
  const pairs = (values: Readonly<Record<string, string>>): readonly string[] =>
    Object.entries(values).map(([key, value]) => `${key}=${value}`);
  const flags = (name: string, values: readonly string[]): readonly string[] =>
    values.map((value) => `--${name}=${value}`);
  return [
    ...buildxArguments(options.builder),
    'build',
    '--progress=rawjson',
    `--metadata-file=${options.metadataFile}`,
    `--file=${target.dockerfile}`,
    ...flags('target', target.target === undefined ? [] : [target.target]),
    ...flags('build-arg', pairs(target.args)),
    ...flags('build-context', pairs(target.contexts)),
    ...flags('tag', target.tags),
    ...flags('label', pairs(target.labels)),
    ...flags('annotation', target.annotations),
    ...flags('platform', target.platforms.length === 0 ? [] : [target.platforms.join(',')]),
    ...flags('cache-from', target.cacheFrom),
    ...flags('cache-to', target.cacheTo),
    ...flags('output', target.outputs),
    ...flags('secret', target.secrets),
    ...flags('ssh', target.ssh),
    ...flags('network', network === 'default' ? [] : [network]),
    ...(target.noCache ? ['--no-cache'] : []),
    ...flags('no-cache-filter', target.noCacheFilter),
    ...(target.pull ? ['--pull'] : []),
    ...flags(
      'add-host',
      target.extraHosts.map(([host, address]) => `${host}=${address}`),
    ),
    ...flags('ulimit', target.ulimits),
    ...flags('shm-size', shmSizeBytes === undefined ? [] : [String(shmSizeBytes)]),
    ...flags('cgroup-parent', cgroupParent === undefined ? [] : [cgroupParent]),
    ...flags('attest', target.attestations),
    ...flags('allow', target.allow),
    target.context,
  ];
}
