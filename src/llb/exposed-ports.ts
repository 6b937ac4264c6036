import { isIP } from 'node:net';

const maxPort = 65_535;
const protocols: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

export type PortsOutcome =
  { readonly ok: true; readonly ports: readonly string[] } | { readonly ok: false; readonly message: string };

interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The ports that one word of EXPOSE stands for, each as `port/protocol`. Docker's `[ip:][host:]port[-last][/protocol]` is
 * taken as BuildKit takes it: address and host port are checked and then ignored.
 */
export function parseExposedPorts(word: string): PortsOutcome {
  const { address, hostPort, containerPort } = splitPortWord(word);
  const slash = containerPort.indexOf('/');
  const portText = slash < 0 ? containerPort : containerPort.slice(0, slash);
  const protocol = (slash < 0 ? '' : containerPort.slice(slash + 1)).toLowerCase() || 'tcp';
  if (portText === '') return fail(`no port in "${word}"`);
  if (!protocols.has(protocol)) return fail(`"${protocol}" in "${word}" is not a protocol`);
  const plainAddress = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (plainAddress !== '' && isIP(plainAddress) === 0) return fail(`"${address}" in "${word}" is not an IP address`);
  const range = parseRange(portText);
  if (range === undefined) return fail(`"${portText}" is not a port or a range of ports from 0 to ${maxPort}`);
  if (hostPort !== '') {
    const hostRange = parseRange(hostPort);
    if (hostRange === undefined) return fail(`"${hostPort}" in "${word}" is not a host port or a range of them`);
    const sameLength = hostRange.last - hostRange.first === range.last - range.first;
    if (!sameLength && range.first !== range.last) return fail(`the two ranges in "${word}" are not of one length`);
  }
  const ports: string[] = [];
  for (let port = range.first; port <= range.last; port++) ports.push(`${port}/${protocol}`);
  return { ok: true, ports };
}

function fail(message: string): PortsOutcome {
  return { ok: false, message };
}

function splitPortWord(word: string): {
  readonly address: string;
  readonly hostPort: string;
  readonly containerPort: string;
} {
  const parts = word.split(':');
  const containerPort = parts.pop() ?? '';
  const hostPort = parts.pop() ?? '';
  return { address: parts.join(':'), hostPort, containerPort };
}

function parseRange(text: string): PortRange | undefined {
  const match = /^\+?(\d+)(?:-\+?(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first <= last && last <= maxPort ? { first, last } : undefined;
}
