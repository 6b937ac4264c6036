import type { Diagnostic } from '../diagnostics/diagnostic';
import { digestOf } from '../oci/digest';
import type { ImageConfig } from '../oci/image-config';
import type { Platform } from '../oci/platform';
import type { CheckMode, ConvertRequest, ResolvedImage } from './conversion';
import { convertDockerfile } from './convert';

/**
 * What converting the Dockerfile would complain about, as far as it can be known without any base image. An instruction
 * whose variables may come from a base image is left out: the conversion itself tells.
 */
export async function checkDockerfile(request: ConvertRequest, check: CheckMode): Promise<readonly Diagnostic[]> {
  const { diagnostics } = await convertDockerfile(request, {
    resolveImage: (_reference, platform) => Promise.resolve(unknownImage(platform)),
    check,
  });
  return diagnostics;
}

/** Stands for an image that nobody has looked at. */
function unknownImage(platform: Platform): ResolvedImage {
  const { os, architecture } = platform;
  const config: ImageConfig = { os, architecture, rootfs: { type: 'layers', diff_ids: [] } };
  const text = JSON.stringify(config);
  const manifest = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(text),
    size: Buffer.byteLength(text),
  };
  return { manifest, config };
}
