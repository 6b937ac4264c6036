import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { nodeModulesWith, type NxVersion } from './nx-install';
import { nxEnvironment } from '../../src/testing/nx-environment';

/** Longest time of one command; builds of small images take seconds. */
const commandTimeoutMs = 5 * 60_000;

export interface NxResult {
  readonly code: number;
  readonly output: string;
}

/** A workspace in a git repository of its own, with the plugin installed as users have it. */
export class NxWorkspace implements Disposable {
  private constructor(
    readonly root: string,
    private readonly cache: string,
  ) {}

  static create(version: NxVersion, files: Readonly<Record<string, string>>): NxWorkspace {
    const directory = mkdtempSync(join(tmpdir(), 'nxrc-nx-'));
    const workspace = new NxWorkspace(join(directory, 'workspace'), join(directory, 'nx-cache'));
    mkdirSync(workspace.root);
    workspace.write({
      '.gitignore': 'node_modules\n.nx\ndist\ntmp\n',
      'package.json': JSON.stringify({ name: 'acme', private: true }),
      'nx.json': JSON.stringify({ analytics: false, neverConnectToCloud: true, plugins: ['nx-registry-cache'] }),
      ...files,
    });
    symlinkSync(nodeModulesWith(version), join(workspace.root, 'node_modules'), 'dir');
    workspace.git('init', '--quiet', '--initial-branch=main');
    workspace.commit();
    return workspace;
  }

  [Symbol.dispose](): void {
    rmSync(dirname(this.root), { recursive: true, force: true });
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), text);
    }
  }

  commit(): void {
    this.git('add', '--all');
    this.git(
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@example.com',
      'commit',
      '--quiet',
      '--allow-empty',
      '-m',
      'change',
    );
  }

  git(...args: readonly string[]): void {
    execFileSync('git', args, { cwd: this.root, stdio: 'ignore' });
  }

  /** Runs Nx without daemon, cloud and questions, as in a CI job. */
  async nx(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<NxResult> {
    const child = spawn(process.execPath, [join(this.root, 'node_modules/.bin/nx'), ...args], {
      cwd: this.root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: commandTimeoutMs,
      env: { ...nxEnvironment(this.cache), ...env },
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    // Nx colours what it prints even where nobody sees it.
    const output = stripVTControlCharacters(Buffer.concat(chunks).toString('utf8'));
    return { code: code ?? 1, output };
  }

  /** The configuration that Nx ends up with for a project. */
  async project(name: string): Promise<ProjectView> {
    return (await this.#json(['show', 'project', name, '--json'])) as ProjectView;
  }

  /** Tasks that `nx affected` would run for uncommitted or given changes, sorted. */
  async affected(target: string, files: readonly string[]): Promise<readonly string[]> {
    const graph = (await this.#json(['affected', '-t', target, `--files=${files.join(',')}`, '--graph=stdout'])) as {
      readonly tasks?: { readonly tasks: Readonly<Record<string, unknown>> };
    };
    return Object.keys(graph.tasks?.tasks ?? {}).sort();
  }

  async #json(args: readonly string[]): Promise<unknown> {
    const { code, output } = await this.nx(args);
    const start = output.search(/^\{/m);
    if (start < 0) {
      if (code === 0) return {};
      throw new Error(`nx ${args.join(' ')} failed:\n${output}`);
    }
    return JSON.parse(output.slice(start, output.lastIndexOf('}') + 1));
  }
}

export interface ProjectView {
  readonly name: string;
  readonly targets: Readonly<
    Record<
      string,
      {
        readonly executor: string;
        readonly dependsOn?: readonly unknown[];
        readonly inputs?: readonly unknown[];
        readonly options: Readonly<Record<string, unknown>>;
      }
    >
  >;
}
