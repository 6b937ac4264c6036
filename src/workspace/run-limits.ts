import { isIP } from 'node:net';
import { parseByteSize } from '../dockerfile/byte-size';
import type { BuildRequest } from '../engine/contract';
import type { Mistakes } from './mistakes';

const ulimitNames = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
] as const;

/** `name=soft[:hard]` as docker takes it; -1 means unlimited. */
export function readUlimits(option: readonly string[] | undefined, mistakes: Mistakes): BuildRequest['ulimits'] {
  return (option ?? []).flatMap((text, index) => {
    const place = `ulimits[${index}]`;
    const match = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text);
    if (match === null) {
      mistakes.add('OPTION_INVALID', place, `"${text}" is not name=soft[:hard]`, 'such as nofile=1024:2048');
      return [];
    }
    const [, name = '', softText = '', hardText = softText] = match;
    const [soft, hard] = [Number(softText), Number(hardText)];
    if (!(ulimitNames as readonly string[]).includes(name)) mistakes.addUnknownWord(place, 'limit', name, ulimitNames);
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      mistakes.add('OPTION_INVALID', place, `the soft limit ${soft} is above the hard limit ${hard}`);
    }
    return [{ name, soft, hard }];
  });
}

/**
 * `host=ip` or `host:ip` as docker takes it; an IPv6 address may stand in brackets. `host-gateway` is the address of
 * docker's host.
 */
export function readExtraHosts(option: readonly string[] | undefined, mistakes: Mistakes): BuildRequest['extraHosts'] {
  return (option ?? []).flatMap((text, index) => {
    const [, host = '', address = ''] = /^([^=:\s]+)[=:](\S+)$/.exec(text) ?? [];
    const ip = address.replace(/^\[(.*)\]$/, '$1');
    if (isIP(ip) !== 0 || (ip === 'host-gateway' && host !== '')) return [{ host, ip }];
    mistakes.add('OPTION_INVALID', `addHosts[${index}]`, `"${text}" is not host=address`);
    return [];
  });
}

/** Bytes of a size such as `64m`. */
export function readSize(value: string | number | undefined, option: string, mistakes: Mistakes): number | undefined {
  if (value === undefined) return undefined;
  const bytes = parseByteSize(String(value));
  if (bytes === undefined) mistakes.add('OPTION_INVALID', option, `"${value}" is not a size`, 'such as 64m or 1g');
  return bytes;
}

/** Whole seconds since the epoch. */
export function readEpoch(value: string | number | undefined, option: string, mistakes: Mistakes): number | undefined {
  if (value === undefined || value === '') return undefined;
  const text = String(value);
  if (/^\d{1,12}$/.test(text)) return Number(text);
  mistakes.add('OPTION_INVALID', option, `"${text}" is not a number of seconds since 1970`);
  return undefined;
}
