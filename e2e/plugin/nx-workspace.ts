import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { nodeModulesWith, type NxVersion } from './nx-install';

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
  nx(args: readonly string[], env: Readonly<Record<string, string>> = {}): NxResult {
    const program = join(this.root, 'node_modules/nx', 'bin/nx.js');
    const candidates = [join(this.root, 'node_modules/.bin/nx'), program];
    const { status, stdout, stderr } = spawnSync(process.execPath, [candidates[0]!, ...args], {
      cwd: this.root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        CI: 'true',
        NX_DAEMON: 'false',
        NX_ISOLATE_PLUGINS: 'false',
        NX_NO_CLOUD: 'true',
        NX_TUI: 'false',
        NX_CACHE_DIRECTORY: this.cache,
        NX_WORKSPACE_DATA_DIRECTORY: join(this.cache, 'data'),
        ...env,
      },
    });
    return { code: status ?? 1, output: stdout + stderr };
  }

  /** The configuration that Nx ends up with for a project. */
  project(name: string): ProjectView {
    return this.#json(['show', 'project', name, '--json']) as ProjectView;
  }

  /** Tasks that `nx affected` would run for uncommitted or given changes, sorted. */
  affected(target: string, files: readonly string[]): readonly string[] {
    const graph = this.#json(['affected', '-t', target, `--files=${files.join(',')}`, '--graph=stdout']) as {
      readonly tasks?: { readonly tasks: Readonly<Record<string, unknown>> };
    };
    return Object.keys(graph.tasks?.tasks ?? {}).sort();
  }

  #json(args: readonly string[]): unknown {
    const { code, output } = this.nx(args);
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
