import type { SandboxRun } from '../../contract';
import { defaultHostname } from './kernel-paths';

/** Content of `/etc/hosts`: the lines that BuildKit writes, then the step's extra hosts. */
export function hostsFile(exec: Pick<SandboxRun['exec'], 'hostname' | 'extraHosts'>): string {
  const lines = [
    `127.0.0.1\tlocalhost ${exec.hostname ?? defaultHostname}`,
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...exec.extraHosts.map(({ host, ip }) => `${ip}\t${host}`),
  ];
  return `${lines.join('\n')}\n`;
}
