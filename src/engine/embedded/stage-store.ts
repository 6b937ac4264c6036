import type { ContentStore, PutOutcome } from '../../content/contract';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf, type Digest } from '../../oci/digest';

/** Blobs on their way, by repository and digest. */
export type Uploads = Map<string, Promise<PutOutcome>>;

export interface StageStoreOptions {
  /** Shared by the stages of one build: stages stand on each other, and a layer goes up once. */
  readonly uploads: Uploads;
  /** A tag that is written once: whoever comes second finds it written, and both have succeeded. */
  readonly onceTag?: string;
}

/** A cache repository as the export of one stage sees it. */
export function stageStore(store: ContentStore, { uploads, onceTag }: StageStoreOptions): ContentStore {
  return {
    name: store.name,
    has: (...args) => store.has(...args),
    open: (...args) => store.open(...args),
    put: (descriptor, source, options) => {
      const key = uploadKey(store, descriptor.digest);
      const send = (): Promise<PutOutcome> => {
        const upload = store.put(descriptor, source, options);
        upload.catch(() => undefined);
        uploads.set(key, upload);
        return upload;
      };
      const running = uploads.get(key);
      // If the other one fails, this one finds out for itself.
      return running ? running.then((): PutOutcome => 'already-present', send) : send();
    },
    resolve: (...args) => store.resolve(...args),
    getManifest: (...args) => store.getManifest(...args),
    putManifest: async (manifest, options) => {
      const isWritten = onceTag !== undefined && (await store.resolve(onceTag, options)) !== undefined;
      // Never the one that is there: this build does not vouch for what others wrote.
      return isWritten ? describe(manifest) : store.putManifest(manifest, options);
    },
    tags: (...args) => store.tags(...args),
    deleteManifest: (...args) => store.deleteManifest(...args),
    deleteBlob: (...args) => store.deleteBlob(...args),
  };
}

function describe({ bytes, mediaType }: Parameters<ContentStore['putManifest']>[0]): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function uploadKey(store: ContentStore, digest: Digest): string {
  return `${store.name} ${digest}`;
}
