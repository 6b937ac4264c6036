import type { BuildState } from './build-state';
import type { DraftEdge } from './graph';
import { joinPath } from './posix-path';

/** Time of a file action that was given none. */
export const noTimestamp = -1n;

export interface InlineFile {
  readonly name: string;
  readonly content: string;
  readonly mode: number;
}

/** A file system with one file whose content stands in the Dockerfile. */
export function inlineFile({ graph }: BuildState, { name, content, mode }: InlineFile): DraftEdge {
  return graph.add({
    operation: {
      kind: 'file',
      actions: [
        {
          kind: 'mkfile',
          input: -1,
          secondaryInput: -1,
          output: 0,
          path: joinPath('/', name),
          mode,
          data: Buffer.from(content),
          timestamp: noTimestamp,
        },
      ],
    },
    name: '[internal] preparing inline document',
  });
}
