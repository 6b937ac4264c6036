import { Limiter } from '../content/limiter';

/** How much goes on at once with one registry. */
export interface LaneSizes {
  /** Blobs that are received at once. Default 6. */
  readonly downloads: number;
  /** Blobs that are sent at once. Default 6. */
  readonly uploads: number;
  /** Small requests: existence checks, manifests, mounts. Default 16. */
  readonly requests: number;
}

export const defaultLaneSizes: LaneSizes = { downloads: 6, uploads: 6, requests: 16 };

/**
 * The queues of one registry. Small requests have their own, so that no manifest waits behind gigabytes; so have
 * downloads, since an upload may hold its slot while the bytes that it sends come from the same registry.
 */
export class Lanes {
  readonly downloads: Limiter;
  readonly uploads: Limiter;
  readonly requests: Limiter;

  constructor(sizes: LaneSizes) {
    this.downloads = new Limiter(sizes.downloads);
    this.uploads = new Limiter(sizes.uploads);
    this.requests = new Limiter(sizes.requests);
  }
}

/** Waits for a slot and gives the function that frees it, for work that ends with a stream and not with a promise. */
export function takeSlot(limiter: Limiter, signal?: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    limiter.run(() => new Promise<void>((release) => resolve(release)), signal).catch(reject);
  });
}
