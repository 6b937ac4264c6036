import { relative } from 'node:path';
import type { CallOptions } from '../content/contract';
import type { BuildRequest } from '../engine/contract';
import { targetPlatform } from '../engine/embedded/convert-build';
import type { Descriptor } from '../oci/descriptor';
import { formatPlatform } from '../oci/platform';
import { formatRepository, type Reference } from '../oci/reference';
import { keyOf } from './field-hash';
import type { RefPlace } from './find-ref';
import { readInputs, readList, writeInputs, type WriteInputsOptions } from './inputs-store';
import type { StageInputs } from './stage-inputs';
import { inputsTag } from './stage-tags';

/** What is listed of a build. */
export interface RememberedBuild {
  readonly stages: readonly StageInputs[];
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Tag of its image. */
  readonly image?: string;
  /** Tag of the branch's cache that it writes. */
  readonly scope?: string;
}

/**
 * The lists of the latest builds of one target, in each repository that is read; the build goes into that of the one
 * that is written. They only explain later misses and guide clean-ups, so nothing fails for them.
 */
export class BuildMemory {
  readonly #tag: string;
  readonly #home: RefPlace | undefined;
  /** What the list at home has, once it was read. */
  #listed: readonly Descriptor[] | undefined;

  constructor(
    request: BuildRequest,
    private readonly places: readonly RefPlace[],
    writes: Reference | undefined,
  ) {
    this.#tag = listTag(request);
    const home = writes && formatRepository(writes);
    this.#home = places.find(({ reference }) => formatRepository(reference) === home);
  }

  /** What earlier builds were made from, newest first per place. */
  async builds(call: CallOptions): Promise<readonly (readonly StageInputs[])[]> {
    const builds: (readonly StageInputs[])[] = [];
    for (const place of this.places) {
      const earlier = await readInputs(place.store, this.#tag, call);
      if (place === this.#home) this.#listed = earlier.layers;
      builds.push(...earlier.builds);
    }
    return builds;
  }

  /**
   * Lists a build in front of the others. A build that writes refs does so before them, so that a clean-up meanwhile
   * knows that they are new.
   */
  async remember(build: RememberedBuild, call: CallOptions): Promise<void> {
    if (this.#listed) await this.#write(build, { earlier: this.#listed, ifMissing: false }, call);
  }

  /** Lists it again if another build that wrote the list at the same time did not know of it. */
  async confirm(build: RememberedBuild, call: CallOptions): Promise<void> {
    if (!this.#home || !this.#listed) return;
    const earlier = await readList(this.#home.store, this.#tag, call);
    await this.#write(build, { earlier, ifMissing: true }, call);
  }

  async #write(
    { createdAtMs, ...build }: RememberedBuild,
    list: Pick<WriteInputsOptions, 'earlier' | 'ifMissing'>,
    call: CallOptions,
  ): Promise<void> {
    if (!this.#home) return;
    const createdAt = new Date(createdAtMs).toISOString();
    try {
      await writeInputs(this.#home.store, this.#tag, { ...call, ...build, ...list, createdAt });
    } catch {
      call.signal?.throwIfAborted();
    }
  }
}

/** One place per Dockerfile, image, target and platform: what is compared has to be of the same making. */
function listTag(request: BuildRequest): string {
  const lineage = keyOf('lineage', {
    dockerfile: relative(request.context, request.dockerfile.path).replaceAll('\\', '/'),
    // Projects with contexts of their own have Dockerfiles of the same name.
    images: [...new Set(request.tags.map(formatRepository))].sort(),
    target: request.target?.toLowerCase(),
    platform: formatPlatform(targetPlatform(request)),
  });
  return inputsTag(lineage);
}
