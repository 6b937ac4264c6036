import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { isCodedError } from '../../diagnostics/coded-error';
import { digestOf } from '../../oci/digest';
import { repositoryRoot } from '../../testing/repository-root';
import type { LayerInput, SandboxRun, StoredLayer } from '../contract';
import { FileLayerStore } from '../layers/layer-store';
import { localLayer } from '../layers/lazy-layer';
import { createSandbox, type CreateSandboxOptions, type OpenedSandbox } from '../sandbox/create-sandbox';
import { LayeredSnapshot } from '../snapshot';
import { directory, file, symlink } from './layer-rig';
import { removeTree } from '../../testing/remove-tree';

export type RunChanges = Partial<Omit<SandboxRun, 'exec'>> & { readonly exec?: Partial<SandboxRun['exec']> };

/** A sandbox with a busybox image to run things in. */
export interface SandboxRig {
  readonly directory: string;
  readonly store: FileLayerStore;
  readonly sandbox: OpenedSandbox;
  readonly base: LayeredSnapshot;
  readonly warnings: readonly string[];
  /** Runs a shell script in {@link base} unless told otherwise. */
  run(script: string, changes?: RunChanges, signal?: AbortSignal): Promise<StoredLayer>;
  /** Runs a shell script and gives what it printed. */
  print(script: string, changes?: RunChanges): Promise<string>;
  snapshot(...layers: readonly (readonly LayerInput[])[]): Promise<LayeredSnapshot>;
  /** A snapshot with a step's layer on top. */
  above(snapshot: LayeredSnapshot, layer: StoredLayer): LayeredSnapshot;
}

export type SandboxRigOptions = Partial<Omit<CreateSandboxOptions, 'layers' | 'onWarning'>>;

/** Undefined, with the test skipped and the reason told, where this machine cannot run steps this way. */
export async function openSandboxRig(t: TestContext, options: SandboxRigOptions = {}): Promise<SandboxRig | undefined> {
  const root = await mkdtemp(join(tmpdir(), 'nxrc-sandbox-'));
  t.after(() => removeTree(root));
  const store = new FileLayerStore({ directory: join(root, 'layers') });
  const image = await busyboxLayer(store);
  if (!image) {
    t.skip('there is no static busybox on this machine');
    return undefined;
  }
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  const searchPath = '/usr/local/bin:/usr/bin:/bin';
  const sandbox = await createSandbox({
    stateDirectory: join(root, 'sandbox'),
    searchPath,
    ...options,
    layers: store,
    onWarning,
  }).catch((error: unknown) => {
    if (!isCodedError(error, 'SANDBOX_UNAVAILABLE')) throw error;
    t.skip(error.message);
    return undefined;
  });
  if (!sandbox) return undefined;
  t.after(() => sandbox[Symbol.asyncDispose]());
  const base = LayeredSnapshot.of([localLayer(store, image)]);
  const run: SandboxRig['run'] = (script, changes = {}, signal) =>
    sandbox.run(stepOf(script, base, changes), signal ? { signal } : {});
  return {
    directory: root,
    store,
    sandbox,
    base,
    warnings,
    run,
    print: async (script, changes = {}) => {
      let output = '';
      await run(script, { ...changes, onOutput: (_stream, data) => (output += data.toString()) });
      return output;
    },
    snapshot: async (...layers) => {
      const stored: StoredLayer[] = [];
      for (const inputs of layers) stored.push(await store.write(inputs));
      return LayeredSnapshot.of(stored.map((layer) => localLayer(store, layer)));
    },
    above: (snapshot, layer) => snapshot.with(localLayer(store, layer)),
  };
}

/** A step that runs a shell script. */
export function stepOf(script: string, rootfs: LayeredSnapshot, changes: RunChanges = {}): SandboxRun {
  const { exec, ...others } = changes;
  return {
    rootfs,
    mounts: [],
    env: ['PATH=/usr/bin:/bin'],
    onOutput: () => undefined,
    ...others,
    exec: {
      args: ['/bin/sh', '-c', script],
      cwd: '/',
      user: '',
      extraHosts: [],
      network: 'default',
      security: 'sandbox',
      ...exec,
    },
  };
}

/** A layer's members in short: `-path` for a whiteout, `!path` for an opaque directory, `path=target` for a link. */
export async function memberNames(layer: StoredLayer): Promise<readonly string[]> {
  return (await layer.members()).map((member) => {
    switch (member.kind) {
      case 'whiteout':
        return `-${member.path}`;
      case 'opaque':
        return `!${member.path}`;
      case 'hardlink':
        return `${member.entry.path}=${member.target}`;
      case 'entry':
        return member.entry.path;
    }
  });
}

export async function contentOf(layer: StoredLayer, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await layer.openFile(path)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const applets = ['sh', 'cat', 'chmod', 'chown', 'cp', 'echo', 'env', 'grep', 'head', 'hostname', 'id', 'ip', 'kill'];
const moreApplets = ['ln', 'ls', 'mkdir', 'mknod', 'mv', 'pwd', 'rm', 'sleep', 'stat', 'touch', 'true', 'ulimit', 'wc'];

/** The golden base image's layer, or one made of this machine's own busybox. */
async function busyboxLayer(store: FileLayerStore): Promise<StoredLayer | undefined> {
  const golden = await goldenTar();
  if (golden) return store.importTar(digestOf(golden), Readable.from([golden]));
  for (const path of ['/bin/busybox', '/usr/bin/busybox']) {
    const bytes = existsSync(path) ? await readFile(path) : undefined;
    if (!bytes || isDynamic(bytes)) continue;
    const busybox = file('bin/busybox', '', { mode: 0o755 });
    const { member } = busybox;
    if (member.kind !== 'entry') continue;
    return store.write([
      directory('bin'),
      {
        member: { kind: 'entry', entry: { ...member.entry, size: bytes.length } },
        open: () => Promise.resolve(Readable.from([bytes])),
      },
      ...[...applets, ...moreApplets].map((name) => symlink(`bin/${name}`, 'busybox')),
      directory('etc'),
      file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n'),
      file('etc/group', 'root:x:0:\napp:x:1000:\n'),
      directory('home'),
      directory('home/app', { uid: 1000, gid: 1000 }),
      directory('tmp', { mode: 0o1777 }),
    ]);
  }
  return undefined;
}

async function goldenTar(): Promise<Buffer | undefined> {
  const blobs = join(repositoryRoot(), '..', 'shared', 'golden', 'base', 'blobs', 'sha256');
  if (!existsSync(blobs)) return undefined;
  for (const name of await readdir(blobs)) {
    const bytes = await readFile(join(blobs, name));
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes);
  }
  return undefined;
}

/** Whether a program names a dynamic loader, which it does near its beginning. */
function isDynamic(program: Buffer): boolean {
  return /\/ld-(?:linux|musl)/.test(program.subarray(0, 4096).toString('latin1'));
}
