import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
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
import { childrenOf, parseManifest } from '../oci/manifest';
import { tryParseReference } from '../oci/reference';
import type { RepositoryScope } from '../transport/scope';
import { openBlob } from './blob-download';
import { sessionOf, uploadBlob, type UploadSession } from './blob-upload';
import { deleteByPath, fetchManifest, lacksBlobs, resolveManifest, sendManifest } from './manifest-requests';
import { listReferrers, type ReferrersOptions } from './referrers';
import { askHeaders, manifestPath, pathOf, pull, push, type RepositoryContext } from './repository-context';
import { listTags } from './tags';

/** containerd's note on a descriptor: which repositories of a host have the blob, separated by commas. */
const sourceAnnotationPrefix = 'containerd.io/distribution.source.';
/** Whether an annotation, which anyone may have written, names a repository. */
function isRepositoryPath(name: string, host: string): boolean {
  const parsed = tryParseReference(`${host}/${name}`);
  return parsed.ok && parsed.reference.repository === name;
}

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
  /** Blobs that the registry claims to have, with what could be sent in case it has them not. */
  readonly #claimed = new Map<Digest, { readonly descriptor: Descriptor; readonly source: BlobSource }>();

  constructor(context: RepositoryContext) {
    this.#context = context;
  }

  /** Host and repository: `ghcr.io/acme/cache`. */
  get name(): string {
    return this.#context.name;
  }

  /** False also where the registry has a blob of that digest with another size: it cannot be the same one. */
  has(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    return this.#ask(descriptor, pull(this.#context.repository), options);
  }

  /**
   * Whether the registry really gives the blob, by asking for its first byte: {@link has} believes a HEAD, which some
   * registries answer from memory after the bytes are gone. Its content is not checked.
   */
  async canRead(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    if (descriptor.size === 0) return this.has(descriptor, options);
    try {
      const firstByte = await this.open(descriptor, { ...options, range: { start: 0, end: 1 } });
      return (await buffer(firstByte)).byteLength === 1;
    } catch (error) {
      if (isCodedError(error, 'BLOB_MISSING')) return false;
      throw error;
    }
  }

  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    return openBlob(this.#context, descriptor, options);
  }

  /**
   * Sends nothing if the blob is known to be here. Mounts it where its annotations, or what this client has seen so far,
   * name a repository of this registry that has it; else sends it. A blob that this repository could not give is sent
   * without asking: what a HEAD says of it is not to be believed.
   */
  async put(descriptor: Descriptor, source: BlobSource, options: PutOptions = {}): Promise<PutOutcome> {
    const outcome = await this.#put(descriptor, source, options);
    if (outcome === 'written') this.#claimed.delete(descriptor.digest);
    else this.#claimed.set(descriptor.digest, { descriptor, source });
    return outcome;
  }

  async #put(descriptor: Descriptor, source: BlobSource, options: PutOptions): Promise<PutOutcome> {
    options.signal?.throwIfAborted();
    const { digest } = descriptor;
    const { known, lanes, repository } = this.#context;
    if (!known.isDoubted(digest, repository)) {
      if (known.has(digest, repository)) return 'already-present';
      // Asked with the right to push, so that the upload that follows needs no other token.
      if (await this.#ask(descriptor, push(repository), options)) return 'already-present';
      for (const from of this.#mountCandidates(descriptor)) {
        if (await this.mount(descriptor, from, options)) return 'mounted';
      }
    }
    const session = this.#sessions.get(digest);
    this.#sessions.delete(digest);
    const send = (): Promise<void> => uploadBlob(this.#context, { descriptor, source, session }, options);
    await lanes.uploads.run(send, options.signal);
    known.add(digest, repository);
    return 'written';
  }

  /**
   * False also where the other repository cannot be read: then the bytes have to be sent, and nothing else is tried to
   * be mounted from there. The session that the registry offers instead is kept for the next {@link put} of the blob.
   */
  async mount(descriptor: Descriptor, fromRepository: string, { signal }: CallOptions = {}): Promise<boolean> {
    const { digest } = descriptor;
    const { known, repository } = this.#context;
    signal?.throwIfAborted();
    if (!known.mayMount(fromRepository, repository)) return false;
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
      if (response.status === 201) {
        known.add(digest, repository);
        return true;
      }
      this.#sessions.set(digest, sessionOf(response));
      return false;
    } catch (error) {
      const refused =
        isCodedError(error, 'REGISTRY_UNAUTHORIZED') ||
        (isCodedError(error, 'REGISTRY_RESPONSE') && !error.detail.transient);
      if (!refused) throw error;
      known.refuseMounts(fromRepository, repository);
      return false;
    }
  }

  resolve(reference: string | Digest, options?: CallOptions): Promise<Descriptor | undefined> {
    return resolveManifest(this.#context, reference, options);
  }

  getManifest(reference: string | Digest, options?: CallOptions): Promise<StoredManifest | undefined> {
    return fetchManifest(this.#context, reference, options);
  }

  /**
   * Where the registry turns the manifest down for a blob that it claimed to have when it was put, that blob is sent after
   * all, from the source that was given then, and the manifest once more.
   */
  async putManifest(
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    options: CallOptions & { readonly tag?: string } = {},
  ): Promise<Descriptor> {
    try {
      return await sendManifest(this.#context, manifest, options);
    } catch (error) {
      if (!lacksBlobs(error) || !(await this.#sendClaimed(manifest.bytes, options))) throw error;
      return sendManifest(this.#context, manifest, options);
    }
  }

  tags(options?: CallOptions): AsyncIterable<string> {
    return listTags(this.#context, options);
  }

  /** Manifests whose subject is `digest`; falls back to the tag schema where the registry has no referrers API. */
  referrers(digest: Digest, options?: ReferrersOptions): Promise<readonly Descriptor[]> {
    return listReferrers(this.#context, digest, options);
  }

  async deleteManifest(reference: string | Digest, options?: CallOptions): Promise<boolean> {
    return deleteByPath(this.#context, manifestPath(this.#context, reference), options);
  }

  deleteBlob(descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    this.#context.known.forget(descriptor.digest, this.#context.repository);
    return deleteByPath(this.#context, pathOf(this.#context, `blobs/${descriptor.digest}`), options);
  }

  /** Whether there was something to send. */
  async #sendClaimed(manifest: Uint8Array, { signal }: CallOptions): Promise<boolean> {
    const { known, repository } = this.#context;
    const children = childrenOf(parseManifest(manifest));
    const claimed = new Set(
      children.map(({ digest }) => this.#claimed.get(digest)).filter((blob) => blob !== undefined),
    );
    for (const { digest } of children) known.doubt(digest, repository);
    const call = signal === undefined ? {} : { signal };
    await Promise.all([...claimed].map(({ descriptor, source }) => this.put(descriptor, source, call)));
    return claimed.size > 0;
  }

  async #ask(descriptor: Descriptor, scope: RepositoryScope, { signal }: CallOptions): Promise<boolean> {
    const { known, repository } = this.#context;
    const response = await askHeaders(this.#context, {
      method: 'HEAD',
      target: pathOf(this.#context, `blobs/${descriptor.digest}`),
      scopes: [scope],
      expect: [200, 404],
      signal,
    });
    const length = response.headers['content-length'];
    const found = response.status === 200 && (length === undefined || Number(length) === descriptor.size);
    if (found && !known.isDoubted(descriptor.digest, repository)) known.add(descriptor.digest, repository);
    if (!found) known.forget(descriptor.digest, repository);
    return found;
  }

  #mountCandidates({ annotations, digest }: Descriptor): readonly string[] {
    const { known, repository, transport } = this.#context;
    const noted = annotations?.[sourceAnnotationPrefix + transport.host] ?? '';
    return [...new Set([...known.mountSources(digest, repository), ...noted.split(',')])]
      .filter((name) => name !== repository && isRepositoryPath(name, transport.host))
      .slice(0, maxMountCandidates);
  }
}
