import { layerEncoding, layerMediaType, type LayerEncoding, type MediaTypeFamily } from '../oci/media-types';
import type { CompressionType } from './contract';

const encodings: Readonly<Record<CompressionType, LayerEncoding>> = {
  uncompressed: 'none',
  gzip: 'gzip',
  // Every gzip reader takes an estargz; that it is one is said by annotations.
  estargz: 'gzip',
  zstd: 'zstd',
};

/** The media type of a layer that was compressed as `type`. */
export function mediaTypeOfCompression(type: CompressionType, family: MediaTypeFamily = 'oci'): string {
  return layerMediaType(family, encodings[type]);
}

/** The compression that a layer's media type stands for, estargz counting as gzip; undefined for what is no layer. */
export function compressionOfMediaType(mediaType: string): Exclude<CompressionType, 'estargz'> | undefined {
  const encoding = layerEncoding(mediaType);
  return encoding === 'none' ? 'uncompressed' : encoding;
}
