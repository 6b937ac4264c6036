import type { BuildState } from './build-state';
import { InputList, type DraftEdge } from './graph';
import { noTimestamp } from './inline-file';

const directory = '/cache';

/** A directory with an owner and permissions to start a cache mount from, on top of what the mount names. */
export function cacheDirectory(
  { graph }: BuildState,
  base: DraftEdge | undefined,
  { uid, gid, mode }: { readonly uid: number; readonly gid: number; readonly mode: number },
): { readonly edge: DraftEdge; readonly selector: string } {
  const inputs = new InputList();
  const edge = graph.add({
    operation: {
      kind: 'file',
      actions: [
        {
          kind: 'mkdir',
          input: inputs.indexOf(base),
          secondaryInput: -1,
          output: 0,
          path: directory,
          mode: mode & 0o777,
          makeParents: false,
          owner: { user: { id: uid }, group: { id: gid } },
          timestamp: noTimestamp,
        },
      ],
    },
    inputs: inputs.edges,
    name: '[internal] setting cache mount permissions',
  });
  return { edge, selector: directory };
}
