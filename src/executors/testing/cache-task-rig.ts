import { forManyListeners } from '../../content/stoppable';
import { startRegistryServer, type RegistryServer } from '../../registry-server/server';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import type { Invocation } from '../../workspace/invocation';
import type { TaskHost } from '../executor-host';

type Task<O> = (
  options: O,
  context: { readonly invocation: Invocation; readonly host: TaskHost },
) => Promise<{ readonly success: boolean }>;

/** A workspace and a registry for tests of executors on caches. */
export class CacheTaskRig implements AsyncDisposable {
  readonly #stop = new AbortController();

  private constructor(
    readonly workspace: TemporaryDirectory,
    readonly server: RegistryServer,
  ) {}

  static async start(): Promise<CacheTaskRig> {
    const workspace = await TemporaryDirectory.create();
    return new CacheTaskRig(workspace, await startRegistryServer({ root: workspace.join('registry') }));
  }

  /** `127.0.0.1:40123`. */
  get registry(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  interrupt(): void {
    this.#stop.abort(new Error('interrupted'));
  }

  async run<O>(
    task: Task<O>,
    options: O,
    host: Partial<TaskHost> = {},
  ): Promise<{ readonly success: boolean; readonly output: string }> {
    let output = '';
    const { success } = await task(options, {
      invocation: {
        workspaceRoot: this.workspace.path,
        projectName: 'workspace',
        projectRoot: '.',
        env: {},
        homeDirectory: this.workspace.path,
        hostPlatform: { os: 'linux', architecture: 'amd64' },
      },
      host: {
        write: (text) => void (output += text),
        now: () => Date.parse('2026-09-01T00:00:00Z'),
        isTerminal: false,
        terminalSize: () => ({ columns: 80, rows: 24 }),
        isVerbose: false,
        signal: forManyListeners(this.#stop.signal),
        temporaryDirectory: this.workspace.path,
        ...host,
      },
    });
    return { success, output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await this.workspace[Symbol.asyncDispose]();
  }
}
