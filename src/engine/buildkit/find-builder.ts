import type { CallOptions } from '../../content/contract';
import { CodedError } from '../../diagnostics/coded-error';
import { parseInspectOutput, type InspectedBuilder } from './inspect-output';
import { runCommand, type CommandResult } from './run-command';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** No BuildKit answers. */
    BUILDKIT_UNAVAILABLE: { readonly builder: string | undefined };
    /** The builder that answers cannot do what the build needs of it. */
    BUILDKIT_DRIVER: { readonly builder: string; readonly driver: string; readonly missing: string };
  }
}

/** A BuildKit that answers, and how it is spoken to. */
export type FoundBuilder =
  | {
      readonly kind: 'buildx';
      /** As the user named it; undefined for the current one. */
      readonly builder: string | undefined;
      readonly name: string;
      /** `docker`, `docker-container`, `kubernetes`, `remote`. */
      readonly driver: string;
      /**
       * Whether it exports caches, OCI layouts and several platforms: all drivers do, but for docker without the
       * containerd image store.
       */
      readonly isComplete: boolean;
    }
  | { readonly kind: 'buildctl'; readonly host: string };

export interface FindBuilderOptions extends CallOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly builder?: string;
  /** What a question to the builder may take. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 20_000;
/** Starting a builder may have to pull its image. */
const bootTimeoutMs = 180_000;

/** The two ways out for users of the driver `docker`. */
export const completeBuilderHint =
  'use a builder of its own (docker buildx create --use --driver=docker-container), ' +
  'or turn on the containerd image store of docker ("features": {"containerd-snapshotter": true} in daemon.json)';

/**
 * The builder that buildx would use, started if need be; where there is no buildx, the one that `BUILDKIT_HOST` names.
 * Fails with `BUILDKIT_UNAVAILABLE`.
 */
export async function findBuilder(options: FindBuilderOptions): Promise<FoundBuilder> {
  const { env, builder, timeoutMs = defaultTimeoutMs } = options;
  const call = { env, ...(options.signal && { signal: options.signal }) };
  const version = await runCommand('docker', ['buildx', 'version'], { ...call, timeoutMs });
  if (version.kind !== 'ended' || version.exitCode !== 0) return findBuildctl(options);
  const inspect = async (args: readonly string[], limitMs: number): Promise<InspectedBuilder> => {
    const named = builder === undefined ? [] : [builder];
    const result = await runCommand('docker', ['buildx', 'inspect', ...args, ...named], {
      ...call,
      timeoutMs: limitMs,
    });
    const found = result.kind === 'ended' && result.exitCode === 0 ? parseInspectOutput(result.stdout) : undefined;
    if (found === undefined) throw unavailable(builder, describe(result));
    return found;
  };
  let found = await inspect([], timeoutMs);
  if (!answers(found)) found = await inspect(['--bootstrap'], bootTimeoutMs);
  if (!answers(found)) throw unavailable(found.name, problemOf(found));
  const isComplete = found.driver !== 'docker' || (await hasContainerdStore(found, { ...call, timeoutMs }));
  return { kind: 'buildx', builder, name: found.name, driver: found.driver, isComplete };
}

async function findBuildctl(options: FindBuilderOptions): Promise<FoundBuilder> {
  const { env, builder, timeoutMs = defaultTimeoutMs, signal } = options;
  const host = env['BUILDKIT_HOST'];
  if (builder !== undefined)
    throw unavailable(builder, 'docker buildx is not installed, and only it has named builders');
  if (host === undefined || host === '') {
    throw unavailable(undefined, 'docker buildx is not installed, and BUILDKIT_HOST is not set');
  }
  const args = [`--addr=${host}`, 'debug', 'workers'];
  const result = await runCommand('buildctl', args, { env, timeoutMs, ...(signal && { signal }) });
  if (result.kind === 'ended' && result.exitCode === 0) return { kind: 'buildctl', host };
  throw unavailable(host, describe(result));
}

function answers({ nodes, error }: InspectedBuilder): boolean {
  return error === undefined && nodes.some((node) => node.error === undefined && node.status === 'running');
}

function problemOf({ nodes, error }: InspectedBuilder): string {
  const problems = nodes.map((node) => node.error ?? `it is ${node.status ?? 'not there'}`);
  return error ?? problems[0] ?? 'it has no nodes';
}

/** As buildx itself finds out: docker names the driver of its image store. */
async function hasContainerdStore(
  { nodes }: InspectedBuilder,
  call: CallOptions & { readonly env: FindBuilderOptions['env']; readonly timeoutMs: number },
): Promise<boolean> {
  const endpoint = nodes[0]?.endpoint;
  // The context `default` is what DOCKER_HOST says, and naming it would override that.
  const context = endpoint === undefined || endpoint === 'default' ? [] : [`--context=${endpoint}`];
  const result = await runCommand('docker', [...context, 'info', '--format={{json .DriverStatus}}'], call);
  return result.kind === 'ended' && result.stdout.includes('io.containerd.snapshotter');
}

function describe(result: CommandResult): string {
  switch (result.kind) {
    case 'ended': {
      const lines = result.stderr.trim().split('\n');
      return lines.at(-1)?.replace(/^ERROR: /, '') || `it ended with exit code ${result.exitCode ?? 'none'}`;
    }
    case 'timeout':
      return 'it does not answer in time';
    case 'not-started':
      return result.cause.message;
  }
}

function unavailable(builder: string | undefined, reason: string): CodedError<'BUILDKIT_UNAVAILABLE'> {
  const name = builder === undefined ? 'no BuildKit' : `the builder ${builder} does not answer`;
  return new CodedError(
    'BUILDKIT_UNAVAILABLE',
    builder === undefined ? `${name} answers: ${reason}` : `${name}: ${reason}`,
    { builder },
    { hint: 'start it, name another with the option builder, or use engine: embedded' },
  );
}
