import { existsSync, readFileSync } from 'node:fs';
import { capabilitiesOfMask, defaultCapabilities } from './capabilities';
import { DEV_BYTES, defaultHostname, maskedPaths, readonlyPaths } from './kernel-paths';
import type { LaunchRequest } from './launch';
import type { PreparedMount } from './prepared-mount';

interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The `config.json` of a bundle (OCI runtime-spec 1.0) that runs a step as BuildKit would. */
export function ociConfig(request: LaunchRequest): object {
  const { exec, user } = request;
  const isInsecure = exec.security === 'insecure';
  const capabilities = capabilityNames(isInsecure).map((name) => `CAP_${name}`);
  return {
    ociVersion: '1.0.2',
    hostname: exec.hostname ?? defaultHostname,
    root: { path: request.root, readonly: false },
    process: {
      terminal: false,
      args: exec.args,
      env: request.env,
      cwd: `/${request.cwd}`,
      user: {
        uid: user.uid,
        gid: user.gid,
        // Where one id is mapped, the kernel refuses to set groups.
        ...(request.identity === 'single' ? {} : { additionalGids: [user.gid, ...user.groups] }),
      },
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      // As in docker build: sudo and setuid programs work.
      noNewPrivileges: false,
      rlimits: (exec.ulimits ?? []).map(({ name, soft, hard }) => ({
        type: `RLIMIT_${name.toUpperCase()}`,
        soft: unsigned(soft),
        hard: unsigned(hard),
      })),
    },
    mounts: [...systemMounts(request, isInsecure), ...request.mounts.map(stepMount)],
    linux: {
      namespaces: namespaces(request).map((type) => ({ type })),
      // An ordinary user may make none.
      ...(request.identity === 'root' ? { cgroupsPath: `/nx-registry-cache/${request.name}` } : {}),
      ...(isInsecure ? {} : { maskedPaths, readonlyPaths }),
    },
  };
}

function namespaces({ exec }: LaunchRequest): readonly string[] {
  return [
    ...['mount', 'pid', 'ipc', 'uts'],
    ...(exec.network === 'none' ? ['network'] : []),
    ...(existsSync('/sys/fs/cgroup/cgroup.controllers') ? ['cgroup'] : []),
  ];
}

/** What `/` of every container has. A user namespace may mount a new sysfs only with a network of its own. */
function systemMounts({ identity, shmSizeBytes, exec }: LaunchRequest, isInsecure: boolean): readonly OciMount[] {
  const ids = identity === 'single' ? [] : ['gid=5'];
  const access = isInsecure ? 'rw' : 'ro';
  const sys: OciMount =
    identity === 'root' || exec.network === 'none'
      ? mount('/sys', 'sysfs', 'sysfs', ['nosuid', 'noexec', 'nodev', access])
      : mount('/sys', 'bind', '/sys', ['rbind', 'nosuid', 'noexec', 'nodev', access]);
  return [
    mount('/proc', 'proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', `size=${DEV_BYTES}`]),
    mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...ids]),
    mount('/dev/shm', 'tmpfs', 'shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmSizeBytes}`]),
    mount('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    sys,
  ];
}

function stepMount({ dest, source, readOnly, sizeBytes }: PreparedMount): OciMount {
  if (source === undefined) {
    const size = sizeBytes === undefined || sizeBytes === 0 ? [] : [`size=${sizeBytes}`];
    return mount(`/${dest}`, 'tmpfs', 'tmpfs', ['nosuid', 'nodev', 'mode=1777', ...size]);
  }
  return mount(`/${dest}`, 'bind', source, ['rbind', 'nosuid', 'nodev', readOnly ? 'ro' : 'rw']);
}

function mount(destination: string, type: string, source: string, options: readonly string[]): OciMount {
  return { destination, type, source, options };
}

/** `insecure` gets what this process could give away at all. */
export function capabilityNames(isInsecure: boolean): readonly string[] {
  const own = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  const available = capabilitiesOfMask(own ?? '0');
  return isInsecure ? available : defaultCapabilities.filter((name) => available.includes(name));
}

/** `-1` means no limit. */
function unsigned(limit: number): number {
  return limit < 0 ? Number.MAX_SAFE_INTEGER : limit;
}
