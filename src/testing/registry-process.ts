import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The embedded registry as a process of its own, as `npm run serve-registry` starts it. */
export class RegistryProcess implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(
    root: string,
    options: { readonly nodeArguments?: readonly string[] } = {},
  ): Promise<RegistryProcess> {
    const script = join(__dirname, '../registry-server/main.js');
    const args = [...(options.nodeArguments ?? []), script, '--root', root, '--port', '0'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /listening on (http:\/\/[^,]+),/.exec(line)?.[1];
      if (url !== undefined) return new RegistryProcess(child, url);
    }
    throw new Error('the registry ended before it listened');
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Ends the process without a warning. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
