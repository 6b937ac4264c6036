import type { ExportCacheOptions } from '../../cache/export-cache';
import type { Descriptor } from '../../oci/descriptor';
import type { Digest } from '../../oci/digest';
import type { VertexEvent } from '../../progress/event';
import type { VertexOptions } from './progress-vertex';

export interface LayerProgress extends Required<Pick<ExportCacheOptions, 'onLayer' | 'onBytes'>> {
  /** Bytes that went out, by layer. */
  readonly sent: ReadonlyMap<Digest, number>;
}

/** Shows the layers that are written as statuses of a vertex. */
export function layerProgress(vertex: VertexEvent, { progress, now }: VertexOptions): LayerProgress {
  const sent = new Map<Digest, number>();
  const begun = new Map<Digest, number>();
  const show = ({ digest, size }: Descriptor, name: string, state: { current: number; completed?: number }): void => {
    const started = begun.get(digest) ?? now();
    begun.set(digest, started);
    progress({ kind: 'status', vertex: vertex.digest, id: digest, name, total: size, started, ...state });
  };
  return {
    sent,
    onLayer: (layer, event) => {
      const written = event === 'written';
      if (event === 'started') begun.set(layer.digest, now());
      else {
        const name = written ? `writing layer ${layer.digest}` : `layer ${layer.digest} is there already`;
        show(layer, name, { current: written ? layer.size : 0, completed: now() });
      }
    },
    onBytes: (layer, bytes) => {
      const current = (sent.get(layer.digest) ?? 0) + bytes;
      sent.set(layer.digest, current);
      show(layer, `writing layer ${layer.digest}`, { current });
    },
  };
}
