import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { TemporaryDirectory } from '../../src/testing/temporary-directory';

const program = 'docker-registry';

/** Why the machine has no registry of Docker's, or undefined if it has. */
export function whyNoDockerRegistry(): string | undefined {
  return spawnSync(program, ['--version']).error === undefined ? undefined : `${program} is not installed`;
}

/** Debian's `docker-registry` (CNCF distribution) on a free port, with a directory of its own. */
export class DockerRegistry implements AsyncDisposable {
  private constructor(
    /** As references name it. */
    readonly host: string,
    private readonly child: ChildProcess,
    private readonly directory: TemporaryDirectory,
  ) {}

  static async start(): Promise<DockerRegistry> {
    const directory = await TemporaryDirectory.create();
    const config = directory.join('config.yml');
    await writeFile(
      config,
      [
        'version: 0.1',
        'log: { level: info }',
        `storage: { filesystem: { rootdirectory: ${directory.join('data')} }, delete: { enabled: true } }`,
        'http: { addr: "127.0.0.1:0" }',
        '',
      ].join('\n'),
    );
    const child = spawn(program, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines = createInterface({ input: child.stderr });
    const host = await new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (address !== undefined) resolve(address);
      });
      lines.once('close', () => reject(new Error(`${program} ended before it listened`)));
    });
    return new DockerRegistry(host, child, directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
    await this.directory[Symbol.asyncDispose]();
  }
}
