import type { Readable } from 'node:stream';
import type {
  BlobSource,
  CallOptions,
  ContentStore,
  Mounter,
  OpenOptions,
  PutOptions,
  PutOutcome,
  StoredManifest,
} from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import { openBlob } from './blob-download';
import { sessionOf, uploadBlob, type UploadSession } from './blob-upload';
import { deleteByReference, fetchManifest, resolveManifest, sendManifest } from './manifest-requests';
import { listReferrers, type ReferrersOptions } from './referrers';
import { askHeaders, pathOf, pull, push, type RepositoryContext } from './repository-context';
import { listTags } from './tags';

/** containerd's note on a descriptor: which repositories of a host have the blob, separated by commas. */
const sourceAnnotationPrefix = 'containerd.io/distribution.source.';
/** Repositories that are tried for a mount before the bytes are sent. */
const maxMountCandidates = 2;

/**
 * One repository of a registry as a content store. Made by {@link RegistryClient}, which owns the connections.
 *
 * Every call may reject with the transport's errors: `REGISTRY_UNAUTHORIZED`, `REGISTRY_RESPONSE`,
 * `REGISTRY_UNAVAILABLE`, `REGISTRY_PROTOCOL`, `REDIRECT_REFUSED`, `CREDENTIALS_UNREADABLE`.
 */
export class RegistryRepository implements ContentStore, Mounter {
  readonly #context: RepositoryContext;
  /** Sessions that the registry opened in answer to a mount: the upload that follows uses them. */
  readonly #sessions = new Map<Digest, UploadSession>();

  constructor(context: RepositoryContext) {
    this.#context = context;
  }

  /** Host and repository: `ghcr.io/acme/cache`. */
  get name(): string {
    return this.#context.name;
  }

  /** False also where the registry has a blob of that digest with another size: it cannot be the same one. */
  async has(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<boolean> {
    const response = await askHeaders(this.#context, {
      method: 'HEAD',
      target: pathOf(this.#context, `blobs/${descriptor.digest}`),
      scopes: [pull(this.#context.repository)],
      expect: [200, 404],
      signal,
    });
    const length = response.headers['content-length'];
    return response.status === 200 && (length === undefined || Number(length) === descriptor.size);
  }

  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    return openBlob(this.#context, descriptor, options);
  }

  /** Mounts the blob where its annotations name a repository of this registry that has it, else sends it. */
  async put(descriptor: Descriptor, source: BlobSource, options: PutOptions = {}): Promise<PutOutcome> {
    if (await this.has(descriptor, options)) return 'already-present';
    for (const repository of this.#mountCandidates(descriptor)) {
      if (await this.mount(descriptor, repository, options)) return 'mounted';
    }
    const session = this.#sessions.get(descriptor.digest);
    this.#sessions.delete(descriptor.digest);
    const send = (): Promise<void> => uploadBlob(this.#context, { descriptor, source, session }, options);
    await this.#context.lanes.uploads.run(send, options.signal);
    return 'written';
  }

  /**
   * False also where the other repository cannot be read: then the bytes have to be sent. The session that the
   * registry offers instead is kept for the next {@link put} of the blob.
   */
  async mount(descriptor: Descriptor, fromRepository: string, { signal }: CallOptions = {}): Promise<boolean> {
    const { digest } = descriptor;
    const query = new URLSearchParams({ mount: digest, from: fromRepository });
    try {
      const response = await askHeaders(this.#context, {
        method: 'POST',
        target: pathOf(this.#context, `blobs/uploads/?${query.toString()}`),
        headers: { 'content-length': '0' },
        scopes: [push(this.#context.repository), pull(fromRepository)],
        expect: [201, 202],
        signal,
      });
      if (response.status === 201) return true;
      this.#sessions.set(digest, sessionOf(response));
      return false;
    } catch (error) {
      const refused =
        isCodedError(error, 'REGISTRY_UNAUTHORIZED') ||
        (isCodedError(error, 'REGISTRY_RESPONSE') && !error.detail.transient);
      if (refused) return false;
      throw error;
    }
  }

  resolve(reference: string | Digest, options?: CallOptions): Promise<Descriptor | undefined> {
    return resolveManifest(this.#context, reference, options);
  }

  getManifest(reference: string | Digest, options?: CallOptions): Promise<StoredManifest | undefined> {
    return fetchManifest(this.#context, reference, options);
  }

  putManifest(
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    options?: CallOptions & { readonly tag?: string },
  ): Promise<Descriptor> {
    return sendManifest(this.#context, manifest, options);
  }

  tags(options?: CallOptions): AsyncIterable<string> {
    return listTags(this.#context, options);
  }

  /** Manifests whose subject is `digest`; falls back to the tag schema where the registry has no referrers API. */
  referrers(digest: Digest, options?: ReferrersOptions): Promise<readonly Descriptor[]> {
    return listReferrers(this.#context, digest, options);
  }

  deleteManifest(reference: string | Digest, options?: CallOptions): Promise<boolean> {
    return deleteByReference(this.#context, `manifests/${reference}`, options);
  }

  deleteBlob(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    return deleteByReference(this.#context, `blobs/${descriptor.digest}`, options);
  }

  #mountCandidates({ annotations }: Descriptor): readonly string[] {
    const noted = annotations?.[sourceAnnotationPrefix + this.#context.transport.host] ?? '';
    return noted
      .split(',')
      .filter((repository) => repository !== '' && repository !== this.#context.repository)
      .slice(0, maxMountCandidates);
  }
}
