import type { SolveTarget } from './solve-target';

export interface BuildxCommandOptions {
  readonly builder?: string;
  /** Where buildx is to write what it made. */
  readonly metadataFile: string;
}

/** The definition of a bake, as JSON. */
export function bakeDefinition(targets: readonly SolveTarget[]): string {
  const definition = {
    group: { default: { targets: targets.map(({ name }) => name) } },
    target: Object.fromEntries(targets.map((target) => [target.name, bakeTarget(target)])),
  };
  return JSON.stringify(definition, undefined, 2);
}

/** Arguments of `docker` for a bake of the definition in a file. */
export function bakeArguments(
  targets: readonly SolveTarget[],
  { builder, metadataFile, definitionFile }: BuildxCommandOptions & { readonly definitionFile: string },
): readonly string[] {
  return [
    ...buildxArguments(builder),
    'bake',
    '--progress=rawjson',
    `--file=${definitionFile}`,
    `--metadata-file=${metadataFile}`,
    ...[...new Set(targets.flatMap(({ allow }) => allow))].map((entitlement) => `--allow=${entitlement}`),
    'default',
  ];
}

export function buildxArguments(builder: string | undefined): readonly string[] {
  return ['buildx', ...(builder === undefined ? [] : [`--builder=${builder}`])];
}

/** Whether bake has no word for something that the target needs; `buildx build` has. */
export function needsBuildCommand({ cgroupParent, extraHosts }: SolveTarget): boolean {
  return cgroupParent !== undefined || new Set(extraHosts.map(([host]) => host)).size < extraHosts.length;
}

function bakeTarget(target: SolveTarget): Readonly<Record<string, unknown>> {
  const { attestations, allow, network, shmSizeBytes } = target;
  const all: Readonly<Record<string, unknown>> = {
    context: target.context,
    dockerfile: target.dockerfile,
    target: target.target,
    args: target.args,
    contexts: target.contexts,
    tags: target.tags,
    labels: target.labels,
    annotations: target.annotations,
    platforms: target.platforms,
    'cache-from': target.cacheFrom,
    'cache-to': target.cacheTo,
    output: target.outputs,
    secret: target.secrets,
    ssh: target.ssh,
    network: network === 'default' ? undefined : network,
    'no-cache': target.noCache ? true : undefined,
    'no-cache-filter': target.noCacheFilter,
    pull: target.pull ? true : undefined,
    'extra-hosts': Object.fromEntries(target.extraHosts),
    ulimits: target.ulimits,
    'shm-size': shmSizeBytes === undefined ? undefined : String(shmSizeBytes),
    attest: attestations,
    entitlements: allow,
  };
  // Fields that an older buildx does not know are no matter as long as nobody uses them.
  return Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) => (isEmpty(value) ? [] : [[key, literal(value)]])),
  );
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

/** Texts of a bake file, and keys in it, are templates: `${` and `%{` begin an expression unless they are doubled. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/[$%]\{/g, (start) => start.charAt(0) + start);
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [literal(key), literal(item)]));
}
