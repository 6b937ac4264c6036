import type { Conversion } from '../../llb/conversion';
import { finishImageConfig, type FinishedLayer } from '../../llb/finish-image-config';
import type { ImageConfig } from '../../oci/image-config';

/** The config of the image that a conversion's target becomes with these layers. `nowMs` dates an image without any. */
export function finishedConfig(conversion: Conversion, layers: readonly FinishedLayer[], nowMs: number): ImageConfig {
  const { target, sourceDateEpoch } = conversion;
  if (!target) throw new Error('a conversion without errors has a target');
  return finishImageConfig(target.image, {
    layers: layers.map(({ diffId, createdAt }) => ({ diffId, ...(createdAt !== undefined && { createdAt }) })),
    ...(layers.length === 0 && { created: new Date(nowMs).toISOString() }),
    ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    ...(target.baseImage && { baseImage: target.baseImage }),
  });
}
