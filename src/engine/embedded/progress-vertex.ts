import { digestOf } from '../../oci/digest';
import type { ProgressSink, VertexEvent } from '../../progress/event';

export interface VertexOptions {
  readonly progress: ProgressSink;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Shows a task that is no operation of the graph, such as an import or a push, as a vertex of its own. */
export async function inVertex<T>(
  name: string,
  { progress, now }: VertexOptions,
  task: (vertex: VertexEvent) => Promise<T>,
): Promise<T> {
  const started = now();
  const vertex: VertexEvent = { kind: 'vertex', digest: digestOf(name), name, inputs: [], started };
  progress(vertex);
  try {
    const result = await task(vertex);
    progress({ ...vertex, completed: now() });
    return result;
  } catch (error) {
    progress({ ...vertex, completed: now(), error: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
