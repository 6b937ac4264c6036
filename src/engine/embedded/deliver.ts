import type { Snapshot } from '../../builder/contract';
import { CompressedLayers } from '../../builder/layers/compressed-layers';
import { createCompressor } from '../../compression/create-compressor';
import type { CompressionOptions } from '../../compression/contract';
import type { ExportableRecord } from '../../cache/exportable-record';
import { isStoredTarget, type StoredCacheTarget } from '../../cache/location';
import type { CallOptions, ContentStore } from '../../content/contract';
import { settleAll } from '../../content/settle-all';
import { LayeredSnapshot } from '../../builder/snapshot';
import type { Conversion } from '../../llb/conversion';
import type { Digest } from '../../oci/digest';
import type { ImageConfig } from '../../oci/image-config';
import type { Platform } from '../../oci/platform';
import type { ProgressSink } from '../../progress/event';
import type { Remote, SolverResult } from '../../solver/contract';
import type { SolveOutcome } from '../../solver/solve';
import type { BuildOutcome, BuildRequest, CacheSource } from '../contract';
import { annotationsAt } from '../image-annotations';
import { exportToTarget } from './cache-exports';
import { isForPlatform } from './convert-build';
import { finishedConfig } from './finished-config';
import { addInlineCache } from './inline-export';
import { pushImageRef, writeOutputs } from './outputs';
import type { PlatformImage } from './platform-outputs';
import type { RegistryStores } from './registry-stores';
import { exportStageCaches } from './stage-caches';
import type { StateLayout } from './state-layout';
import type { EmbeddedWorker } from './worker';

/** What was built for one platform. */
export interface PlatformBuild {
  readonly platform: Platform;
  readonly conversion: Conversion;
  /** Undefined for an image without layers. */
  readonly result?: SolverResult;
  readonly records: readonly ExportableRecord<SolverResult>[];
}

export interface Delivery extends CallOptions {
  readonly request: BuildRequest;
  readonly builds: readonly PlatformBuild[];
  readonly solved: SolveOutcome<SolverResult>;
  readonly worker: EmbeddedWorker;
  readonly registries: RegistryStores;
  readonly state: StateLayout;
  readonly storeOf: (source: CacheSource) => ContentStore;
  /** Blobs that a store is known to have, by the store's name. */
  readonly present: ReadonlyMap<string, ReadonlySet<Digest>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: ProgressSink;
  readonly now: () => number;
}

const defaultCompression: CompressionOptions = { type: 'gzip' };

/** Sends what was built where it belongs: the image through its outputs and the cache to its targets, all at once. */
export async function deliver(
  delivery: Delivery,
): Promise<Pick<BuildOutcome, 'image' | 'config' | 'cacheExports' | 'imageRefs'>> {
  const { request, builds, solved, state, worker } = delivery;
  const layers = new CompressedLayers({ directory: state.blobs, compress: createCompressor });
  const reproducible = builds.some(({ conversion }) => conversion.sourceDateEpoch !== undefined);
  const images = await Promise.all(
    builds.map(async (build): Promise<PlatformImage> => {
      const snapshot = build.result === undefined ? LayeredSnapshot.scratch() : asSnapshot(build.result);
      return {
        platform: build.platform,
        snapshot,
        annotations: {
          manifest: annotationsAt(request, 'manifest', build.platform),
          descriptor: annotationsAt(request, 'manifest-descriptor', build.platform),
        },
        config: await imageConfig(delivery, build, snapshot),
        remote: (compression = defaultCompression, force = false) =>
          layers.remoteOf(snapshot.layers, {
            ...callOf(delivery),
            compression: { ...compression, reproducible },
            force,
          }),
      };
    }),
  );
  const resolveRemote =
    (target: StoredCacheTarget) =>
    async (origin: Parameters<EmbeddedWorker['snapshotOf']>[0]): Promise<Remote | undefined> => {
      const found = await worker.snapshotOf(origin);
      if (!found) return undefined;
      const compression = { ...target.compression, reproducible };
      return layers.remoteOf(found.layers, { ...callOf(delivery), compression, force: target.forceCompression });
    };
  const options = { ...delivery, resolveRemote, store: delivery.storeOf };
  // Stages first: their layers go up once, and the image takes them from there where it can.
  const [stages] = await Promise.allSettled([exportStageCaches(options)]);
  const [written, cacheExports] = await settleAll([
    writeOutputs(images, delivery),
    settleAll(
      request.cacheTo
        .filter(isStoredTarget)
        .map((target) => exportToTarget(target, { ...options, records: solved.records })),
    ),
  ]);
  if (stages.status === 'rejected') throw stages.reason as Error;
  const imageRefs: NonNullable<BuildOutcome['imageRefs']>[number][] = [];
  for (const imageRef of request.imageRefs ?? []) {
    const image = images.find(({ platform }) => isForPlatform(imageRef, platform, request));
    const manifest = image && (await pushImageRef(image, imageRef, delivery));
    if (manifest) imageRefs.push({ reference: imageRef.reference, manifest });
  }
  return { ...written, imageRefs, cacheExports: [...cacheExports, ...stages.value] };
}

async function imageConfig(delivery: Delivery, build: PlatformBuild, snapshot: Snapshot): Promise<ImageConfig> {
  const { request, worker, progress } = delivery;
  const { conversion, records } = build;
  const config = finishedConfig(conversion, snapshot.layers, delivery.now());
  if (request.cacheTo.every(isStoredTarget)) return config;
  const snapshotOf: EmbeddedWorker['snapshotOf'] = (origin) => worker.snapshotOf(origin);
  return addInlineCache(config, { ...callOf(delivery), records, snapshotOf, progress });
}

/** An image is made of layers; a context as the result of a build (which no Dockerfile gives) is not. */
function asSnapshot(result: SolverResult): Snapshot {
  if (!('layers' in result)) throw new Error(`${result.id} has no layers`);
  return result as Snapshot;
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal ? { signal } : {};
}
