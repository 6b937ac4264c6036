import type { ExecMount, ExecOperation, SecretOptions } from '../llb/operation';
import { joinPath } from '../llb/posix-path';
import { digestOf } from '../oci/digest';
import type { CacheMap, CacheMapInput } from './cache-map';
import { outermostPaths, selectPath, type ContentSelector } from './content-selector';
import { goJson, omitEmpty, type GoValue } from './go-json';

const mountTypes = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 } as const;
const sharingModes = { shared: 0, private: 1, locked: 2 } as const;
const networkModes = { default: 0, host: 1, none: 2 } as const;
const securityModes = { sandbox: 0, insecure: 1 } as const;

/**
 * The key of RUN (BuildKit `ops/exec.go`). What must not matter is left out: proxy variables, the addresses of extra
 * hosts, the sources of mounts (they show in the inputs' selectors) and ids of cache mounts that a user chose.
 */
export function execCacheMap(operation: ExecOperation, inputCount: number): CacheMap {
  const { platform } = operation;
  const json = goJson({
    Type: 'buildkit.exec.v0',
    Exec: {
      meta: metaJson(operation),
      mounts: hasOnlyPlainRoot(operation.mounts) ? undefined : omitEmpty(operation.mounts.map(mountJson)),
      network: omitEmpty(networkModes[operation.network]),
      security: omitEmpty(securityModes[operation.security]),
      secretenv: omitEmpty(
        operation.secretEnv.map((secret) => ({
          ID: omitEmpty(secret.id),
          name: omitEmpty(secret.name),
          optional: omitEmpty(secret.optional),
        })),
      ),
    },
    OS: platform.os,
    Arch: platform.architecture,
    Variant: omitEmpty(platform.variant),
    OSVersion: omitEmpty(platform['os.version']),
    OSFeatures: omitEmpty(platform['os.features']),
  });
  return {
    digest: digestOf(json),
    inputs: Array.from({ length: inputCount }, (_, input) => mountedInput(operation.mounts, input)),
  };
}

function metaJson(operation: ExecOperation): GoValue {
  return {
    args: omitEmpty(operation.args),
    env: omitEmpty(operation.env),
    cwd: omitEmpty(operation.cwd),
    user: omitEmpty(operation.user),
    extraHosts: omitEmpty(operation.extraHosts.map(({ host }) => ({ Host: omitEmpty(host) }))),
    hostname: omitEmpty(operation.hostname ?? ''),
    ulimit: omitEmpty(
      (operation.ulimits ?? []).map(({ name, soft, hard }) => ({
        Name: omitEmpty(name),
        Soft: omitEmpty(soft),
        Hard: omitEmpty(hard),
      })),
    ),
    cgroupParent: omitEmpty(operation.cgroupParent ?? ''),
    // Set by BuildKit's client for every RUN.
    removeMountStubsRecursive: true,
    validExitCodes: omitEmpty(operation.validExitCodes ?? []),
  };
}

/** A RUN without mounts of its own: such keys do not mention the root mount. */
function hasOnlyPlainRoot(mounts: readonly ExecMount[]): boolean {
  const [root] = mounts;
  // The selector does not count: it is cleared before BuildKit looks.
  return mounts.length === 1 && root?.type === 'bind' && root.dest === '/' && !root.readOnly;
}

function mountJson(mount: ExecMount): GoValue {
  // BuildKit's client gives no output to mounts that cannot have one, and 0 is what its struct then holds.
  const output = mount.type === 'secret' || mount.type === 'ssh' ? 0 : mount.output;
  return {
    input: omitEmpty(mount.input),
    dest: omitEmpty(mount.dest),
    output: omitEmpty(output),
    readonly: omitEmpty(mount.readOnly),
    mountType: omitEmpty(mountTypes[mount.type]),
    TmpfsOpt: mount.type === 'tmpfs' ? { size: omitEmpty(mount.tmpfs?.sizeBytes ?? 0) } : undefined,
    cacheOpt: mount.cache && cacheJson(mount.cache, mount.dest),
    secretOpt: mount.secret && secretJson(mount.secret),
    SSHOpt: mount.ssh && secretJson(mount.ssh),
  };
}

/** Only an id that the frontend made from the target (`<namespace>/<target>`) counts: it says nothing that is private. */
function cacheJson(cache: NonNullable<ExecMount['cache']>, dest: string): GoValue {
  const slash = cache.id.indexOf('/');
  const isDefaultId = cache.id === dest || (slash !== -1 && cache.id.slice(slash + 1) === dest);
  if (cache.sharing !== 'shared' || !isDefaultId) return {};
  return { ID: omitEmpty(cache.id), sharing: omitEmpty(sharingModes[cache.sharing]) };
}

function secretJson(secret: SecretOptions): GoValue {
  return {
    ID: omitEmpty(secret.id),
    uid: omitEmpty(secret.uid),
    gid: omitEmpty(secret.gid),
    mode: omitEmpty(secret.mode),
    optional: omitEmpty(secret.optional),
  };
}

function mountedInput(mounts: readonly ExecMount[], input: number): CacheMapInput {
  const used = mounts.filter((mount) => mount.input === input && (mount.type === 'bind' || mount.type === 'cache'));
  const last = used.at(-1);
  if (last === undefined) return {};
  const paths = used.map((mount) => joinPath('/', mount.selector));
  const selector = digestOf(paths.join('\0'));
  return isKeyedByContent(last) ? { selector, content: pathSelectors(outermostPaths(paths)) } : { selector };
}

/**
 * Whether the content of what is mounted decides, not only where it comes from. Not for the root, which would cost more
 * than it gives, and not where a part of the input is mounted and becomes an output, as what lies beside that part then
 * is in the result too.
 */
function isKeyedByContent(mount: ExecMount): boolean {
  if (mount.dest === '/') return false;
  return mount.output === -1 || mount.readOnly || joinPath('/', mount.selector) === '/';
}

function pathSelectors(paths: readonly string[]): readonly ContentSelector[] {
  if (paths.includes('/')) return [selectPath('', { followLinks: false })];
  return paths.map((path) => selectPath(path, { followLinks: true }));
}
