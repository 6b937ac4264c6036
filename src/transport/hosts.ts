import { BlockList, isIP } from 'node:net';

/** Docker's registry goes by another name in references than on the wire. */
const apiHosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/** The host (with port) that serves the API of a reference's host. */
export function apiHostOf(host: string): string {
  return apiHosts[host] ?? host;
}

/** Addresses that a public server has no business pointing at (RFC 1918, 4193, 3927, 4291, 6598, 6890). */
const internal = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  internal.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  // Unspecified, loopback, and IPv4 in its obsolete forms, which some systems route all the same.
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  internal.addSubnet(network, prefix, 'ipv6');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a URL's host is this machine: `localhost`, `*.localhost`, 127.0.0.0/8 or ::1, also mapped into IPv6. */
export function isLoopback(url: URL): boolean {
  return matches(url, loopback);
}

/**
 * Whether a URL's host is a literal address of a private, link-local, loopback or unspecified network, or a name of
 * this machine. Names that only resolve to such an address are not looked up: company networks are made of them.
 */
export function isInternal(url: URL): boolean {
  return matches(url, internal);
}

function matches(url: URL, list: BlockList): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  const version = isIP(host);
  if (version === 4) return list.check(host, 'ipv4');
  if (version !== 6) return false;
  const embedded = embeddedIpv4(host);
  return list.check(host, 'ipv6') || (embedded !== undefined && list.check(embedded, 'ipv4'));
}

/** The IPv4 address inside `::ffff:a.b.c.d` or NAT64's `64:ff9b::…`. `URL` has made the last 32 bits hexadecimal. */
function embeddedIpv4(host: string): string | undefined {
  const match = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (match === null) return undefined;
  const [high, low] = [parseInt(match[1] ?? '', 16), parseInt(match[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
