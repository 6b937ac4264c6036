import type { VertexEvent } from './event';

/** How long a vertex took, 0 if it never ran. */
export function durationMs(event: VertexEvent): number {
  return event.started === undefined || event.completed === undefined ? 0 : event.completed - event.started;
}
