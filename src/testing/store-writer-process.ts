import { DirectoryStore } from '../content/directory-store';
import { mediaTypes } from '../oci/media-types';
import { serializeManifest } from '../oci/manifest';
import { sampleBlob } from './content-store-contract';

/**
 * A process that puts images into a directory store, one after the other, for tests with several of them:
 * `node store-writer-process.js DIRECTORY PREFIX COUNT`. Prints each tag when it is there.
 */
async function main(): Promise<void> {
  const [directory = '', prefix = '', count = '0'] = process.argv.slice(2);
  const store = new DirectoryStore(directory);
  for (let index = 0; index < Number(count); index++) {
    const tag = `${prefix}-${index}`;
    const layer = sampleBlob(Buffer.alloc(200_000, tag));
    await store.put(layer.descriptor, layer.source);
    const mediaType = mediaTypes.ociManifest;
    const config = { ...layer.descriptor, mediaType: mediaTypes.ociEmpty };
    const bytes = serializeManifest({ kind: 'manifest', mediaType, config, layers: [layer.descriptor] });
    await store.putManifest({ mediaType, bytes }, { tag });
    process.stdout.write(`${tag}\n`);
  }
}

void main();
