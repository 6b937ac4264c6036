import type { Descriptor } from '../oci/descriptor';
import type { BlobReader, CallOptions } from './contract';

/**
 * A blob as a whole. The stream fails if it brings more than the descriptor's size, which the caller has held against a
 * bound of its own.
 */
export async function readBlob(store: BlobReader, descriptor: Descriptor, options?: CallOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await store.open(descriptor, options)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
