import { readFileSync } from 'node:fs';

/** What hints depend on; read by {@link readHostFacts}, given by tests. */
export interface HostFacts {
  readonly platform: NodeJS.Platform;
  readonly uid: number;
  /** Whether this process may mount: CAP_SYS_ADMIN is in its bounding set. */
  readonly maySysAdmin: boolean;
  /** Ubuntu's switch that lets only programs with an AppArmor profile make user namespaces. */
  readonly appArmorRestricts: boolean;
  /** Debian's older switch, or a limit of none. */
  readonly userNamespacesOff: boolean;
}

const CAP_SYS_ADMIN = 21n;

/** The facts of this machine. */
export function readHostFacts(): HostFacts {
  const sysctl = (path: string): string => {
    try {
      return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
    } catch {
      return '';
    }
  };
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    maySysAdmin: ((boundingSet() >> CAP_SYS_ADMIN) & 1n) === 1n,
    appArmorRestricts: sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1',
    userNamespacesOff: sysctl('kernel/unprivileged_userns_clone') === '0' || sysctl('user/max_user_namespaces') === '0',
  };
}

function boundingSet(): bigint {
  try {
    const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return BigInt(`0x${mask ?? '0'}`);
  } catch {
    return 0n;
  }
}

/** What a user can do so that RUN steps run here, most likely cause first. */
export function sandboxHints(host: HostFacts): readonly string[] {
  if (host.platform !== 'linux') return ['build on Linux, or use engine=buildkit; Dockerfiles without RUN work here'];
  if (host.uid === 0) {
    return host.maySysAdmin
      ? ['install util-linux, coreutils and crun']
      : ['run the container with CAP_SYS_ADMIN (docker run --privileged)', 'use engine=buildkit'];
  }
  if (host.appArmorRestricts) {
    return [
      'allow user namespaces: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
      'build as root, or use engine=buildkit',
    ];
  }
  if (host.userNamespacesOff) {
    return [
      'allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000',
      'build as root, or use engine=buildkit',
    ];
  }
  return [
    'in a container, let its seccomp profile allow user namespaces (docker run --security-opt seccomp=unconfined)',
    'install util-linux, and build as root, or use engine=buildkit',
  ];
}
