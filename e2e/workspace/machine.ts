import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { nxEnvironment } from '../../src/testing/nx-environment';

/** Longest time of one command: a first build of all images takes a minute on two cores. */
const commandTimeoutMs = 5 * 60_000;

export interface Ended {
  readonly code: number;
  readonly output: string;
}

interface Metadata {
  readonly 'containerimage.digest'?: string;
  readonly 'nx-registry-cache': {
    readonly stageRefs?: {
      readonly outcome: string;
      readonly served?: string;
      readonly stages: readonly { readonly stage: string; readonly state: string; readonly ref?: string }[];
    };
    readonly steps: readonly { readonly name: string; readonly outcome: string }[];
    readonly warnings: readonly { readonly code: string }[];
  };
}

/** A machine: a checkout, with a state directory and a cache of Nx that nobody else has. */
export class Machine {
  #states = 0;
  /** Variables that the CI system of this machine sets. */
  variables: Readonly<Record<string, string>> = {};

  private constructor(private readonly directory: string) {
    mkdirSync(join(directory, 'home'), { recursive: true });
  }

  /** An empty repository. */
  static create(directory: string): Machine {
    const machine = new Machine(directory);
    mkdirSync(machine.root);
    machine.git('init', '--quiet', '--initial-branch=main');
    return machine;
  }

  /** Another machine that checks out what this one has committed, with the same packages installed. */
  clone(directory: string): Machine {
    const machine = new Machine(directory);
    execFileSync('git', ['clone', '--quiet', this.root, machine.root]);
    symlinkSync(join(this.root, 'node_modules'), join(machine.root, 'node_modules'), 'dir');
    return machine;
  }

  get root(): string {
    return join(this.directory, 'workspace');
  }

  /** The directory of layers and local cache, which a builder makes when it starts. */
  get state(): string {
    return join(this.directory, `state-${this.#states}`);
  }

  /** From now on, the builder knows nothing that it did not fetch. */
  forget(): void {
    this.#states++;
  }

  get hasState(): boolean {
    return existsSync(this.state);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), text);
    }
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** The commit that is checked out. */
  get head(): string {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: this.root, encoding: 'utf8' }).trim();
  }

  git(...args: readonly string[]): void {
    execFileSync('git', args, { cwd: this.root, stdio: 'ignore' });
  }

  commit(): void {
    this.git('add', '--all');
    const author = ['-c', 'user.name=t', '-c', 'user.email=t@example.com'];
    this.git(...author, 'commit', '--quiet', '--no-gpg-sign', '--message', 'change');
  }

  /** The metadata file of a project's image. Throws where there is none. */
  metadata(project: string): Metadata {
    return JSON.parse(readFileSync(this.#metadataFile(project), 'utf8')) as Metadata;
  }

  /** How a project's image came about: `built`, or `hit` with the way; undefined if it was not built. */
  outcome(project: string): string | undefined {
    if (!existsSync(this.#metadataFile(project))) return undefined;
    const { stageRefs } = this.metadata(project)['nx-registry-cache'];
    if (stageRefs === undefined) return 'built without refs';
    return stageRefs.served === undefined ? stageRefs.outcome : `${stageRefs.outcome} ${stageRefs.served}`;
  }

  #metadataFile(project: string): string {
    const folder = project === 'base' ? 'images' : 'apps';
    return join(this.root, `dist/.nx-registry-cache/${folder}/${project}/docker-build.metadata.json`);
  }

  /** Removes what builds left in the checkout, so that what is read afterwards is new. */
  clean(): void {
    rmSync(join(this.root, 'dist'), { recursive: true, force: true });
  }

  /** Starts Nx without daemon, cloud and questions, as in a CI job. */
  start(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [join(this.root, 'node_modules/.bin/nx'), ...args], {
      cwd: this.root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...nxEnvironment(join(this.directory, 'nx-cache')),
        HOME: join(this.directory, 'home'),
        XDG_CACHE_HOME: this.state,
        ...this.variables,
      },
    });
  }

  async nx(args: readonly string[]): Promise<Ended> {
    const child = this.start(args);
    const timer = setTimeout(() => killTree(child), commandTimeoutMs);
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    return { code: code ?? 1, output: stripVTControlCharacters(Buffer.concat(chunks).toString('utf8')) };
  }
}

/** Ends a command and everything that it started, at once and without a chance to clean up. */
export function killTree(child: ChildProcess): void {
  if (child.pid === undefined) return;
  // Nx gives its tasks groups of their own, so the group of the command is not all. Parents first: they start no more.
  for (const pid of [child.pid, ...descendantsOf(child.pid)]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

function descendantsOf(pid: number): readonly number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    const stat = readIfThere(`/proc/${name}/stat`);
    // The program's name, in parentheses, may have spaces.
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const siblings = parents.get(Number(parent));
    if (siblings) siblings.push(Number(name));
    else parents.set(Number(parent), [Number(name)]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const children = parents.get(next) ?? [];
    found.push(...children);
    open.push(...children);
  }
  return found;
}

/** A process may end while it is looked at. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
