import type { RunMount } from './ast';

const MAY_HAVE_OWNER: readonly RunMount['type'][] = ['secret', 'ssh', 'cache'];

/** What is wrong with attributes that cannot stand together; undefined where nothing is. */
export function checkMount(mount: RunMount): string | undefined {
  const { type } = mount;
  if (!MAY_HAVE_OWNER.includes(type)) {
    for (const key of ['mode', 'uid', 'gid'] as const) {
      if (mount[key] !== undefined) return `"${key}" is no attribute of a mount of type ${type}`;
    }
  }
  if (type === 'secret') {
    const problem = checkSecret(mount);
    if (problem !== undefined) return problem;
  }
  if (mount.sharing !== undefined && type !== 'cache') return `"sharing" is no attribute of a mount of type ${type}`;
  return undefined;
}

function checkSecret({ from = '', source = '', target = '', id = '' }: RunMount): string | undefined {
  if (from !== '') return '"from" is no attribute of a secret';
  if (source === '' && target === '' && id === '') return 'a secret needs an id, a source or a target';
  if (source !== '' && id !== '') return 'a secret has an id or a source, not both';
  return undefined;
}
