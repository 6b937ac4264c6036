import type { Reference } from '../oci/reference';
import { maxPages } from '../transport/limits';
import type { Transport } from '../transport/transport';
import { KnownBlobs } from './known-blobs';
import { defaultLaneSizes, Lanes, type LaneSizes } from './lanes';
import { RegistryRepository } from './registry-repository';
import { BlobTraffic, type TrafficReport } from './traffic';

export interface RegistryClientOptions {
  /** Whoever made it closes it. */
  readonly transport: Transport;
  /** How much goes on at once with each registry. */
  readonly lanes?: Partial<LaneSizes>;
  /** Sends blobs in chunks of so many bytes. Default: each blob in one request, which every registry takes. */
  readonly uploadChunkBytes?: number;
  /** Pages that one listing follows. Default 10,000. */
  readonly maxListPages?: number;
}

/** Repositories of any registry, over one transport with its connections and tokens, with queues per registry. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #traffic = new BlobTraffic();
  readonly #registries = new Map<string, RegistryState>();
  readonly #repositories = new Map<string, RegistryRepository>();

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /** The repository of a reference, whatever its tag; the same object on each call. Sends nothing. */
  repository({ host, repository }: Pick<Reference, 'host' | 'repository'>): RegistryRepository {
    const name = `${host}/${repository}`;
    let found = this.#repositories.get(name);
    if (found === undefined) {
      const { maxListPages = maxPages, transport, uploadChunkBytes } = this.#options;
      found = new RegistryRepository({
        transport: transport.registry(host),
        ...this.#stateOf(host),
        traffic: this.#traffic,
        repository,
        name,
        uploadChunkBytes,
        maxListPages,
      });
      this.#repositories.set(name, found);
    }
    return found;
  }

  /** What went over the wire so far. Requests are those of the whole transport. */
  traffic(): TrafficReport {
    const requestsByKind = this.#options.transport.requestCounts();
    const requests = Object.values(requestsByKind).reduce((sum, count) => sum + count, 0);
    const { bytesReceived, bytesSent } = this.#traffic;
    return { requests, requestsByKind, bytesSent, bytesReceived };
  }

  #stateOf(host: string): RegistryState {
    let state = this.#registries.get(host);
    if (state === undefined) {
      state = { lanes: new Lanes({ ...defaultLaneSizes, ...this.#options.lanes }), known: new KnownBlobs() };
      this.#registries.set(host, state);
    }
    return state;
  }
}

/** What the repositories of one registry share. */
interface RegistryState {
  readonly lanes: Lanes;
  readonly known: KnownBlobs;
}
