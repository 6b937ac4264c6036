import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../../src/testing/repository-root';
import { isInstruction, readVertices, type SolvedVertex } from './rawjson';

/** The scripts' module that runs a dockerd in a Debian root. */
interface DaemonModule {
  readonly startDaemon: (
    name: string,
    print: (line: string) => void,
  ) => Promise<
    | { readonly reason: string }
    | {
        readonly started: boolean;
        readonly daemon: { readonly buildx: string; readonly docker: string; readonly env: Record<string, string> };
      }
  >;
  readonly stopDaemon: (name: string) => Promise<boolean>;
  readonly startedDaemons: () => Promise<readonly string[]>;
}

export interface RealBuild {
  readonly context: string;
  readonly file?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly buildContexts?: Readonly<Record<string, string>>;
  /** Values by id. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Files by id. */
  readonly secretFiles?: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly target?: string;
  readonly network?: 'host';
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  /** Reference that the image is pushed to; none means that the result is only computed. */
  readonly push?: string;
  /** More attributes of what is pushed, such as `compression=zstd`. */
  readonly pushAttributes?: string;
}

export interface RealBuildResult {
  /** The instructions, without what BuildKit does around them. */
  readonly steps: readonly SolvedVertex[];
  readonly output: string;
}

interface Client {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * A BuildKit as users have it, spoken to through buildx: the builder that `NXRC_E2E_BUILDER` names, or else a dockerd
 * of its own in a Debian root, whose cache nobody else uses.
 */
export class RealBuildKit implements AsyncDisposable {
  private constructor(
    /** For reports, such as `Docker 28.5.2 (BuildKit 0.25)`. */
    readonly version: string,
    /** Whether content keys of several or of filtered sources are those of BuildKit before 0.26. */
    readonly hasOlderContentKeys: boolean | undefined,
    private readonly client: Client,
    private readonly close: () => Promise<unknown>,
  ) {}

  static #opened = 0;

  /** Starts or finds it; a string tells why there is none. */
  static async open(): Promise<RealBuildKit | string> {
    const builder = process.env['NXRC_E2E_BUILDER'];
    if (builder !== undefined && builder !== '') return RealBuildKit.#named(builder);
    const module = pathToFileURL(join(repositoryRoot(), 'scripts/support/buildkit/daemon.mjs')).href;
    const { startDaemon, startedDaemons, stopDaemon } = (await import(module)) as DaemonModule;
    // What a run that was killed left behind.
    for (const left of await startedDaemons()) if (isAbandoned(left)) await stopDaemon(left);
    const name = `t${process.pid.toString(36)}-${(RealBuildKit.#opened++).toString(36)}`;
    const result = await startDaemon(name, (line) => console.log(line));
    if ('reason' in result) return result.reason;
    const { daemon } = result;
    const env = { ...process.env, ...daemon.env };
    const { output } = await execute(daemon.docker, ['version', '--format', '{{.Server.Version}}'], { env });
    const docker = output.trim();
    const is28 = docker.startsWith('28.');
    const version = `Docker ${docker}${is28 ? ' (BuildKit 0.25)' : ''}`;
    const client = { command: daemon.buildx, args: [], env };
    return new RealBuildKit(version, is28 ? true : undefined, client, () => stopDaemon(name));
  }

  static async #named(builder: string): Promise<RealBuildKit | string> {
    const client = { command: 'docker', args: ['buildx'], env: { ...process.env, BUILDX_BUILDER: builder } };
    const { code, output } = await execute('docker', ['buildx', 'inspect', '--bootstrap', builder], client).catch(
      (error: unknown) => ({ code: 1, output: String(error) }),
    );
    if (code !== 0) return `the builder ${builder} of NXRC_E2E_BUILDER does not answer: ${output.trim()}`;
    const version = /^BuildKit version:\s*v?(\S+)/m.exec(output)?.[1] ?? 'of an unknown version';
    return new RealBuildKit(`BuildKit ${version}`, isOlder(version), client, () => Promise.resolve());
  }

  async build(build: RealBuild): Promise<RealBuildResult> {
    const env: NodeJS.ProcessEnv = { ...this.client.env };
    const args = ['build', '--progress=rawjson', '--provenance=false'];
    for (const [key, value] of Object.entries(build.buildArgs ?? {})) args.push('--build-arg', `${key}=${value}`);
    for (const [key, value] of Object.entries(build.buildContexts ?? {}))
      args.push('--build-context', `${key}=${value}`);
    for (const [id, value] of Object.entries(build.secrets ?? {})) {
      env[`NXRC_SECRET_${id}`] = value;
      args.push('--secret', `id=${id},env=NXRC_SECRET_${id}`);
    }
    for (const [id, path] of Object.entries(build.secretFiles ?? {})) args.push('--secret', `id=${id},src=${path}`);
    if (build.platform !== undefined) args.push('--platform', build.platform);
    if (build.target !== undefined) args.push('--target', build.target);
    if (build.file !== undefined) args.push('--file', build.file);
    if (build.network !== undefined) args.push('--network', build.network, '--allow', `network.${build.network}`);
    for (const cache of build.cacheFrom ?? []) args.push('--cache-from', cache);
    for (const cache of build.cacheTo ?? []) args.push('--cache-to', cache);
    const image = [
      'type=image,push=true',
      `name=${build.push ?? ''}`,
      ...(build.pushAttributes === undefined ? [] : [build.pushAttributes]),
    ];
    args.push('--output', build.push === undefined ? 'type=cacheonly' : image.join(','));
    const { code, output } = await execute(this.client.command, [...this.client.args, ...args, build.context], { env });
    if (code !== 0) throw new Error(`buildx ${args.join(' ')} failed:\n${readable(output)}`);
    return { steps: readVertices(output).filter(({ name }) => isInstruction(name)), output };
  }

  /** Forgets all that was built and imported. */
  async prune(): Promise<void> {
    const { code, output } = await execute(
      this.client.command,
      [...this.client.args, 'prune', '--all', '--force'],
      this.client,
    );
    if (code !== 0) throw new Error(`buildx prune failed:\n${output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Whether a version is below 0.26; undefined for one that was compiled without a number. */
function isOlder(version: string): boolean | undefined {
  const [, major = '', minor = ''] = /^(\d+)\.(\d+)\./.exec(version) ?? [];
  if (major === '' || version.startsWith('0.0.0')) return undefined;
  return Number(major) === 0 && Number(minor) < 26;
}

/** Daemons of tests are named after the process that started them. */
function isAbandoned(name: string): boolean {
  const pid = /^t([0-9a-z]+)-[0-9a-z]$/.exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${Number.parseInt(pid, 36)}`);
}

/** Names of the steps that were not taken from a cache. */
export function missed(steps: readonly SolvedVertex[]): readonly string[] {
  return steps.flatMap(({ name, outcome }) => (outcome === 'cached' ? [] : [name])).sort();
}

/** The end of what BuildKit said, with log data decoded. */
function readable(output: string): string {
  const lines = output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [line];
    const { logs = [] } = JSON.parse(line) as { readonly logs?: readonly { readonly data: string }[] };
    return logs.map(({ data }) => Buffer.from(data, 'base64').toString('utf8'));
  });
  return lines.join('\n').slice(-4000);
}

function execute(
  command: string,
  args: readonly string[],
  { env }: { readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }));
  });
}
