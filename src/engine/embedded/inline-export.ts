import { collectExport } from '../../cache/collect-export';
import { uncompressedAnnotation, type Remote } from '../../cache/contract';
import type { ExportableRecord, ExportableResult } from '../../cache/exportable-record';
import { inlineRecords, withInlineCache } from '../../cache/inline-cache';
import type { Snapshot } from '../../builder/contract';
import type { CallOptions } from '../../content/contract';
import { MemoryStore } from '../../content/memory-store';
import type { ImageConfig } from '../../oci/image-config';
import { mediaTypes } from '../../oci/media-types';
import type { ProgressSink } from '../../progress/event';
import type { SolverResult } from '../../solver/contract';

export interface InlineExportOptions extends CallOptions {
  readonly records: readonly ExportableRecord<SolverResult>[];
  readonly snapshotOf: (origin: ExportableResult<SolverResult>['origin']) => Promise<Snapshot | undefined>;
  readonly progress: ProgressSink;
}

/**
 * The image's config with the build's cache in it. Layers are known by their diffIDs here, so that nothing is
 * compressed for it, and any output of the image may choose its compression.
 */
export async function addInlineCache(image: ImageConfig, options: InlineExportOptions): Promise<ImageConfig> {
  const { config } = await collectExport(options.records, {
    mode: 'min',
    resolveRemote: async (origin) => asRemote(await options.snapshotOf(origin)),
    ...(options.signal && { signal: options.signal }),
  });
  const records = inlineRecords(config, image.rootfs.diff_ids);
  if (records === undefined) {
    const message = 'the image has no layer that an inline cache could name, so it gets none';
    options.progress({ kind: 'warning', code: 'CACHE_INLINE_EMPTY', message });
  }
  return withInlineCache(image, records);
}

const nothing = new MemoryStore('layers that are only named');

function asRemote(snapshot: Snapshot | undefined): Remote | undefined {
  return (
    snapshot && {
      provider: nothing,
      descriptors: snapshot.layers.map(({ diffId }) => ({
        mediaType: mediaTypes.ociLayer,
        digest: diffId,
        size: 0,
        annotations: { [uncompressedAnnotation]: diffId },
      })),
    }
  );
}
