import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../../../diagnostics/coded-error';
import { joinPaths } from '../../../filetree/paths';
import type { AgentIdentity, WireMount } from './protocol';
import { requireTool, runHostCommands } from './host-command';
import { createReadOnlyView, createRootView, type RootViewOptions } from './root-view';
import { resolveInside, statInside } from './rooted-path';
import { relaySocket, type SocketRelay } from './socket-relay';

/** Opens a path without access to its content (Linux, `fcntl.h`; Node has no name for it). */
const O_PATH = 0o10000000;

/** A mount of a step with a source on this machine. */
export interface PreparedMount {
  /** Clean path inside the root, links resolved. */
  readonly dest: string;
  /** Undefined for a tmpfs. */
  readonly source?: string;
  readonly isDirectory: boolean;
  readonly readOnly: boolean;
  /** Only for a tmpfs. */
  readonly sizeBytes?: number;
}

export interface MountPreparation {
  readonly views: RootViewOptions;
  readonly identity: AgentIdentity;
  /** The run's own directory. */
  readonly directory: string;
  /** The command's root, in which destinations are resolved. */
  readonly root: string;
}

/** Makes the sources of a run's mounts and takes them down again. */
export class MountSources {
  readonly #options: MountPreparation;
  readonly #relays: SocketRelay[] = [];
  #files: string | undefined;
  #count = 0;

  constructor(options: MountPreparation) {
    this.#options = options;
  }

  async prepare(mount: WireMount): Promise<PreparedMount> {
    const dest = resolveInside(this.#options.root, mount.dest);
    switch (mount.kind) {
      case 'tmpfs':
        return {
          dest,
          isDirectory: true,
          readOnly: false,
          ...(mount.sizeBytes === undefined ? {} : { sizeBytes: mount.sizeBytes }),
        };
      case 'file':
        return { dest, isDirectory: false, readOnly: true, source: this.#writeFile(mount) };
      case 'socket': {
        const relay = await relaySocket(mount, this.#nextFile());
        this.#relays.push(relay);
        return { dest, isDirectory: false, readOnly: false, source: relay.path };
      }
      case 'directory':
        return { dest, readOnly: mount.readOnly, ...this.#select(realpathSync(mount.directory), mount) };
      case 'snapshot': {
        const directory = this.#nextDirectory();
        const view = mount.readOnly
          ? createReadOnlyView(this.#options.views, directory, mount.lowers)
          : createRootView(this.#options.views, directory, mount.lowers);
        return { dest, readOnly: mount.readOnly, ...this.#select(view.root, mount) };
      }
    }
  }

  /** A small file of the sandbox itself, such as `/etc/hosts`. */
  prepareText(dest: string, text: string): Promise<PreparedMount> {
    const content = Buffer.from(text);
    return this.prepare({ kind: 'file', dest, content, mode: 0o644, uid: 0, gid: 0 });
  }

  /** Closes sockets. Mounts are detached with the run's directory. */
  async close(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.close()));
  }

  #nextDirectory(): string {
    const path = join(this.#options.directory, `mount-${this.#count++}`);
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  #nextFile(): string {
    return join(this.#filesDirectory(), `file-${this.#count++}`);
  }

  /** In memory, and out of sight of every process that is not this one's child. */
  #filesDirectory(): string {
    if (this.#files !== undefined) return this.#files;
    this.#files = this.#nextDirectory();
    if (this.#options.identity !== 'plain') {
      const mount = requireTool(this.#options.views.tools, 'mount');
      runHostCommands(this.#options.views.tools, [[mount, '-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', this.#files]]);
    }
    return this.#files;
  }

  #writeFile(mount: Extract<WireMount, { readonly kind: 'file' }>): string {
    const path = this.#nextFile();
    writeFileSync(path, mount.content, { flag: 'wx', mode: 0o600 });
    if (this.#options.identity !== 'single') lchownSync(path, mount.uid, mount.gid);
    chmodSync(path, mount.mode);
    return path;
  }

  /** Resolves a selector inside its source, and holds on to what it found. */
  #select(root: string, mount: { readonly dest: string; readonly selector: string }): SelectedSource {
    const path = resolveInside(root, mount.selector);
    const stats = statInside(root, path);
    if (!stats) {
      const { dest, selector } = mount;
      throw new CodedError('SANDBOX_MOUNT_MISSING', `mount ${dest}: its source has no "${selector}"`, {
        dest,
        selector,
      });
    }
    const source = joinPaths(root, path);
    const isDirectory = stats.isDirectory();
    if (path === '' || this.#options.identity === 'plain') return { source, isDirectory };
    return { source: this.#pin(source, isDirectory), isDirectory };
  }

  /**
   * Binds a path by an open descriptor. Others may write to a shared cache at the same time, and a directory that was
   * checked must not become a link out of it before it is mounted (CVE-2024-23651).
   */
  #pin(source: string, isDirectory: boolean): string {
    const target = this.#nextDirectory();
    const point = isDirectory ? target : join(target, 'file');
    if (!isDirectory) writeFileSync(point, '', { flag: 'wx' });
    const descriptor = openSync(source, O_PATH | constants.O_NOFOLLOW);
    try {
      if (readlinkSync(`/proc/self/fd/${descriptor}`) !== source) {
        throw new CodedError('SANDBOX_FAILED', 'sandbox: a mount source changed while it was mounted', {
          operation: 'mount',
        });
      }
      const mount = requireTool(this.#options.views.tools, 'mount');
      runHostCommands(this.#options.views.tools, [[mount, '-c', '--bind', '/proc/self/fd/3', point]], {
        descriptors: [descriptor],
      });
    } finally {
      closeSync(descriptor);
    }
    return point;
  }
}

interface SelectedSource {
  readonly source: string;
  readonly isDirectory: boolean;
}
