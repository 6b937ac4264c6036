import type { CallOptions } from '../../content/contract';
import type { FileTree } from '../../filetree/contract';
import { readAll } from '../../filetree/read-file';
import { resolvePath } from '../../filetree/resolve-path';
import type { FileOwner, UserIdentity } from '../../llb/operation';
import { fileError } from './file-error';

/** Bytes of `/etc/passwd` or `/etc/group` that are read from an image; one that is bigger is refused. */
export const MAX_USER_FILE_BYTES = 1024 * 1024;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The ids that `owner` stands for. A user by name brings its group along, a user by id the group of the same number; a
 * group that is given wins. Names are looked up in the tree that `treeOf` gives for their input; one that is not there
 * counts as 0, as BuildKit takes it.
 */
export async function resolveOwner(
  owner: FileOwner,
  treeOf: (input: number) => Promise<FileTree>,
  options?: CallOptions,
): Promise<Owner> {
  const user = owner.user ? await userIds(owner.user, treeOf, options) : { uid: 0, gid: 0 };
  if (!owner.group) return user;
  if ('id' in owner.group) return { uid: user.uid, gid: owner.group.id };
  const row = await findRow(await treeOf(owner.group.input), 'etc/group', owner.group.name, options);
  return { uid: user.uid, gid: idOf(row?.[2]) ?? user.gid };
}

async function userIds(
  user: UserIdentity,
  treeOf: (input: number) => Promise<FileTree>,
  options?: CallOptions,
): Promise<Owner> {
  if ('id' in user) return { uid: user.id, gid: user.id };
  const row = await findRow(await treeOf(user.input), 'etc/passwd', user.name, options);
  return { uid: idOf(row?.[2]) ?? 0, gid: idOf(row?.[3]) ?? 0 };
}

/** The fields of the first line that starts with `name`. */
async function findRow(
  tree: FileTree,
  path: string,
  name: string,
  options?: CallOptions,
): Promise<readonly string[] | undefined> {
  const resolved = await resolvePath(tree, path);
  const entry = await tree.lookup(resolved);
  if (entry?.type !== 'file') return undefined;
  const bytes = await readAll(await tree.open(resolved, options), MAX_USER_FILE_BYTES);
  if (!bytes) throw fileError('too-big', path, `"/${path}" has more than ${MAX_USER_FILE_BYTES} bytes`);
  for (const line of bytes.toString('utf8').split('\n')) {
    const fields = line.trim().split(':');
    if (fields[0] === name && name !== '') return fields;
  }
  return undefined;
}

function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
