import type { RunInstruction, RunMount } from '../dockerfile/ast';
import { processWord } from '../dockerfile/expand';
import { resolveRunMount } from '../dockerfile/run-mount';
import { mainContext } from './build-state';
import { cacheDirectory } from './cache-directory';
import type { Environment } from './environment';
import type { DraftEdge, InputList } from './graph';
import type { ExecMount, ExecOperation } from './operation';
import { baseName, cleanPath, isAbsolutePath, joinPath } from './posix-path';
import { workingDirectory, type StepContext } from './step-context';

const defaultSecretMode = 0o400;
const defaultAgentMode = 0o600;

/** A mount whose input has no index yet. */
interface SourceMount {
  readonly edge: DraftEdge | undefined;
  readonly mount: Omit<ExecMount, 'input'>;
}

interface BindMount {
  readonly dest: string;
  readonly edge: DraftEdge | undefined;
  readonly selector: string;
  readonly readOnly: boolean;
}

/** Collects what is mounted into one RUN step, with BuildKit's defaults. */
export class RunMounts {
  readonly #sources: SourceMount[] = [];
  readonly #secrets: ExecMount[] = [];
  readonly #agents: ExecMount[] = [];
  readonly #secretEnv: { readonly id: string; readonly name: string; readonly optional: boolean }[] = [];

  constructor(
    readonly context: StepContext,
    readonly instruction: RunInstruction,
  ) {}

  get secretEnv(): ExecOperation['secretEnv'] {
    return this.#secretEnv;
  }

  /** Adds the `--mount`s of the instruction. */
  addAll(): void {
    this.instruction.mounts.forEach((written, index) => {
      const mount = this.#resolve(written);
      if (mount !== undefined) this.#add(mount, index);
    });
  }

  addBind({ dest, edge, selector, readOnly }: BindMount): void {
    this.#sources.push({ edge, mount: { type: 'bind', dest, selector, readOnly, output: -1 } });
  }

  addTmpfs(dest: string, sizeBytes: number): void {
    const mount = { type: 'tmpfs', dest, selector: '', readOnly: false, output: -1, tmpfs: { sizeBytes } } as const;
    this.#sources.push({ edge: undefined, mount });
  }

  /** The mounts with the root file system first, sorted by destination; then secrets, then agents. */
  toOperation(root: DraftEdge | undefined, inputs: InputList): readonly ExecMount[] {
    const rootMount = { type: 'bind', dest: '/', selector: '', readOnly: false, output: 0 } as const;
    const sources = [{ edge: root, mount: rootMount }, ...this.#sources].sort((a, b) =>
      Buffer.compare(Buffer.from(a.mount.dest), Buffer.from(b.mount.dest)),
    );
    return [
      ...sources.map(({ edge, mount }) => ({ ...mount, input: inputs.indexOf(edge) })),
      ...this.#secrets,
      ...this.#agents,
    ];
  }

  /** Tells the first agent's socket to the command, unless the Dockerfile does. */
  addAgent(env: Environment): Environment {
    const [agent] = this.#agents;
    const variable = 'SSH_AUTH_SOCK';
    return agent === undefined || env.get(variable) !== undefined ? env : env.with(variable, agent.dest);
  }

  /** Variables that are secrets show as stars in names. */
  maskSecrets(env: Environment): Environment {
    return this.#secretEnv.reduce((masked, { name }) => masked.with(name, '****'), env);
  }

  #resolve(written: RunMount): RunMount | undefined {
    const { state, build } = this.context;
    const { escape } = build.settings;
    const { mount, problems } = resolveRunMount(written, (value) =>
      processWord(value, (name) => state.env.get(name), { escape }),
    );
    for (const { message, hint } of problems) this.#complain(message, written.text, hint);
    return problems.length === 0 ? mount : undefined;
  }

  #add(mount: RunMount, index: number): void {
    switch (mount.type) {
      case 'secret':
        this.#addSecret(mount);
        return;
      case 'ssh':
        this.#addAgentSocket(mount);
        return;
      default:
        this.#addSource({ ...mount, type: mount.type }, index);
        return;
    }
  }

  #addSource(mount: RunMount & { readonly type: 'bind' | 'cache' | 'tmpfs' }, index: number): void {
    const dest = this.#destination(mount);
    if (dest === undefined) return;
    const path = joinPath('/', mount.source ?? '');
    let edge = this.#edgeOf(mount, index, path);
    let selector = path === '/' ? '' : path;
    if (path === '/' && (mount.uid !== undefined || mount.gid !== undefined || mount.mode !== undefined)) {
      const { uid = 0, gid = 0, mode = 0o755 } = mount;
      ({ edge, selector } = cacheDirectory(this.context.build, edge, { uid, gid, mode }));
    }
    const readOnly = mount.readOnly ?? mount.type === 'bind';
    this.#sources.push({
      edge,
      mount: { type: mount.type, dest, selector, readOnly, output: -1, ...this.#extra(mount) },
    });
  }

  #extra(mount: RunMount): Pick<ExecMount, 'cache' | 'tmpfs'> {
    if (mount.type === 'tmpfs') return { tmpfs: { sizeBytes: mount.sizeBytes ?? 0 } };
    if (mount.type !== 'cache') return {};
    const id = mount.id === undefined || mount.id === '' ? cleanPath(mount.target ?? '') : mount.id;
    return { cache: { id: `${this.context.build.settings.cacheNamespace}/${id}`, sharing: mount.sharing ?? 'shared' } };
  }

  /** What is mounted: the main context for `bind`, nothing for `cache` and `tmpfs`, unless `from` says otherwise. */
  #edgeOf(mount: RunMount, index: number, path: string): DraftEdge | undefined {
    const { build, step } = this.context;
    if (mount.type === 'tmpfs') return undefined;
    if (mount.from === undefined || mount.from === '') {
      if (mount.type === 'cache') return undefined;
      build.contextPaths.addMain(path);
      return mainContext(build);
    }
    const source = step.sources[index];
    source?.usedPaths.add(path);
    return source?.state?.edge;
  }

  #destination(mount: RunMount): string | undefined {
    const target = mount.target ?? '';
    const dest = isAbsolutePath(cleanPath(target))
      ? target
      : joinPath('/', workingDirectory(this.context.state), target);
    if (dest !== '/') return dest;
    this.#complain('nothing can be mounted at /', mount.text, 'give --mount a target');
    return undefined;
  }

  #addSecret(mount: RunMount): void {
    const id = mount.source || mount.id || (mount.target ? baseName(mount.target) : '');
    if (id === '') {
      this.#complain('a secret mount needs an id', mount.text, 'write --mount=type=secret,id=…');
      return;
    }
    const optional = mount.required !== true;
    if (mount.env !== undefined) this.#secretEnv.push({ id, name: mount.env, optional });
    const dest = mount.target || (mount.env === undefined ? `/run/secrets/${baseName(id)}` : undefined);
    if (dest === undefined) return;
    const { uid = 0, gid = 0, mode = defaultSecretMode } = mount;
    this.#secrets.push({ ...hidden('secret', dest), secret: { id, uid, gid, mode, optional } });
  }

  #addAgentSocket(mount: RunMount): void {
    if (mount.source !== undefined && mount.source !== '') {
      this.#complain('an ssh mount takes no source', mount.text);
      return;
    }
    const dest = mount.target || `/run/buildkit/ssh_agent.${this.#agents.length}`;
    const { id = '', uid = 0, gid = 0, mode = defaultAgentMode } = mount;
    this.#agents.push({ ...hidden('ssh', dest), ssh: { id, uid, gid, mode, optional: mount.required !== true } });
  }

  #complain(message: string, near: string, hint?: string): void {
    const { range } = this.instruction;
    this.context.build.reporter.error({ code: 'DOCKERFILE_MOUNT', message, hint, range, near });
  }
}

function hidden(type: 'secret' | 'ssh', dest: string): Omit<ExecMount, 'secret' | 'ssh'> {
  return { type, dest, input: -1, selector: '', readOnly: false, output: -1 };
}
