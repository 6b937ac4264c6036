import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { CodedError } from '../../../diagnostics/coded-error';
import { resolveInside } from './rooted-path';

/** Bytes of a passwd or group file; an image with more is hostile. */
const MAX_USER_FILE_BYTES = 10 * 1024 * 1024;

export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, without the primary one. */
  readonly groups: readonly number[];
  readonly home: string;
}

/**
 * Who `USER` means in a root: `name`, `uid`, `name:group`, `uid:gid` or mixed, the way container runtimes read it. A
 * uid that has no line in passwd runs with group 0; an explicit group drops the supplementary ones. `''` is root.
 */
export function resolveImageUser(root: string, user: string): ImageUser {
  const [name = '', group] = user.split(':', 2);
  const users = readTable(root, 'etc/passwd');
  const groups = group === undefined && /^0?$/.test(name) && users.length === 0 ? [] : readTable(root, 'etc/group');
  const wanted = name === '' ? '0' : name;
  const line = users.find((fields) => fields[0] === wanted) ?? users.find((fields) => fields[2] === wanted);
  const uid = numericId(line?.[2]) ?? numericId(wanted) ?? (wanted === 'root' ? 0 : undefined);
  if (uid === undefined) throw unknownUser(user, `"${wanted}" is not in /etc/passwd`);
  const home = line?.[5] !== undefined && line[5] !== '' ? line[5] : '/';
  if (group !== undefined && group !== '') {
    const gid = numericId(groups.find((fields) => fields[0] === group)?.[2]) ?? numericId(group);
    if (gid === undefined) throw unknownUser(user, `the group "${group}" is not in /etc/group`);
    return { uid, gid, groups: [], home };
  }
  const gid = numericId(line?.[3]) ?? 0;
  const login = line?.[0];
  const memberships = groups
    .filter((fields) => login !== undefined && (fields[3] ?? '').split(',').includes(login))
    .map((fields) => numericId(fields[2]))
    .filter((id): id is number => id !== undefined && id !== gid);
  return { uid, gid, groups: [...new Set(memberships)], home };
}

function numericId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id < 0xffff_ffff ? id : undefined;
}

/** Lines split at colons; none if the file is missing. Follows symlinks inside the root only and reads no device. */
function readTable(root: string, path: string): readonly (readonly string[])[] {
  let descriptor: number;
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    descriptor = openSync(`${root}/${resolveInside(root, path)}`, flags);
  } catch {
    return [];
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return [];
    if (stats.size > MAX_USER_FILE_BYTES) {
      throw new CodedError('SANDBOX_FAILED', `sandbox: /${path} is larger than ${MAX_USER_FILE_BYTES} bytes`, {
        operation: 'user',
      });
    }
    const bytes = Buffer.alloc(stats.size);
    const length = readSync(descriptor, bytes, 0, bytes.length, 0);
    return bytes
      .toString('utf8', 0, length)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(':'));
  } finally {
    closeSync(descriptor);
  }
}

function unknownUser(user: string, why: string): CodedError<'SANDBOX_USER_UNKNOWN'> {
  return new CodedError(
    'SANDBOX_USER_UNKNOWN',
    `cannot run as user "${user}": ${why} of the image`,
    { user },
    { hint: 'create the user in an earlier step, or use a numeric id' },
  );
}
