import type { Readable } from 'node:stream';
import { decompress } from '../../compression/decompress';
import type { CallOptions } from '../../content/contract';
import type { LayerBlob } from '../contract';

/** The uncompressed tar of a blob, whatever its media type says it is packed with. */
export async function openLayerTar(blob: LayerBlob, options: CallOptions = {}): Promise<Readable> {
  return decompress(await blob.provider.open(blob.descriptor, options), options);
}
