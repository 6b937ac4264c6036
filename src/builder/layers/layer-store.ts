import { createHash, type Hash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { CodedError, isCodedError } from '../../diagnostics/coded-error';
import type { CallOptions } from '../../content/contract';
import { algorithmOf, finishDigest, hexOf, type Digest } from '../../oci/digest';
import type { ImportOptions, LayerInput, LayerStore, StoredLayer } from '../contract';
import { serializeIndex } from './layer-index';
import type { StoredMember } from './layer-member';
import { encodeLayerTar } from './layer-tar-writer';
import { removeAbandoned, StagingFile } from './staging-file';
import { FileStoredLayer, memberScanner, writeAside, type LayerFiles } from './stored-layer';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** The bytes of a layer are not what its diffID says, are no tar, or have members that are refused. */
    LAYER_CORRUPT: { readonly diffId: Digest; readonly reason: string };
  }
}

export interface FileLayerStoreOptions {
  /** Directory for the layers; made when the first one is written. */
  readonly directory: string;
  /** Milliseconds since the epoch; default `Date.now`. Says when a layer was made and which abandoned files are removed. */
  readonly now?: () => number;
}

interface StageOptions {
  readonly algorithm?: 'sha256' | 'sha512';
  readonly createdAt?: string | undefined;
}

/**
 * Layers as `<alg>-<hex>.tar` with an index beside each. The tar's name appears last and by one rename, so a process
 * that is killed leaves nothing that another would take for a layer, and two that write the same layer both succeed.
 * The tar's modification time is the time at which the layer was made.
 */
export class FileLayerStore implements LayerStore {
  readonly #directory: string;
  readonly #now: () => number;
  readonly #known = new Map<Digest, FileStoredLayer>();
  #cleaned: Promise<void> | undefined;

  constructor(options: FileLayerStoreOptions) {
    this.#directory = options.directory;
    this.#now = options.now ?? Date.now;
  }

  async get(diffId: Digest): Promise<StoredLayer | undefined> {
    const files = this.#files(diffId);
    const stats = await stat(files.tar).catch(() => undefined);
    if (!stats) {
      this.#known.delete(diffId);
      return undefined;
    }
    const known = this.#known.get(diffId);
    if (known?.sizeBytes === stats.size) return known;
    const layer = new FileStoredLayer(diffId, stats.size, isoTime(stats.mtimeMs), files);
    this.#known.set(diffId, layer);
    return layer;
  }

  async write(
    inputs: AsyncIterable<LayerInput> | Iterable<LayerInput>,
    options: CallOptions = {},
  ): Promise<StoredLayer> {
    return this.#stage(async (staging, hash) => {
      const members: StoredMember[] = [];
      for await (const part of encodeLayerTar(inputs, options)) {
        if (!Buffer.isBuffer(part)) {
          members.push(part);
          continue;
        }
        hash.update(part);
        await staging.append(part);
      }
      return { diffId: finishDigest(hash), members };
    });
  }

  async importTar(diffId: Digest, tar: Readable, options: ImportOptions = {}): Promise<StoredLayer> {
    const present = await this.get(diffId);
    if (present) {
      tar.destroy();
      return present;
    }
    return this.#stage(
      async (staging, hash) => {
        try {
          const members = await this.#receive(tar, staging, hash, options);
          const actual = finishDigest(hash, algorithmOf(diffId));
          if (actual !== diffId) throw layerCorrupt(diffId, `its bytes are ${actual}`);
          return { diffId, members };
        } catch (error) {
          tar.destroy();
          if (!isCodedError(error, 'TAR_INVALID', 'LAYER_MEMBER_REFUSED')) throw error;
          throw layerCorrupt(diffId, error.message, error);
        }
      },
      { algorithm: algorithmOf(diffId), createdAt: options.createdAt },
    );
  }

  async #receive(tar: Readable, staging: StagingFile, hash: Hash, options: CallOptions): Promise<StoredMember[]> {
    const members: StoredMember[] = [];
    const scanner = memberScanner(members);
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      options.signal?.throwIfAborted();
      hash.update(chunk);
      scanner.push(chunk);
      await staging.append(chunk);
    }
    scanner.end();
    return members;
  }

  async #stage(
    fill: (staging: StagingFile, hash: Hash) => Promise<{ diffId: Digest; members: readonly StoredMember[] }>,
    { algorithm = 'sha256', createdAt }: StageOptions = {},
  ): Promise<StoredLayer> {
    await (this.#cleaned ??= removeAbandoned(this.#directory, this.#now()));
    const staging = await StagingFile.create(this.#directory);
    try {
      const { diffId, members } = await fill(staging, createHash(algorithm));
      await staging.finish();
      const files = this.#files(diffId);
      await writeAside(files.index, serializeIndex(staging.sizeBytes, members));
      const made = new Date(createdAt ?? this.#now());
      await staging.publish(files.tar, made);
      const layer = new FileStoredLayer(diffId, staging.sizeBytes, isoTime(made.getTime()), files);
      this.#known.set(diffId, layer);
      return layer;
    } catch (error) {
      await staging.discard();
      throw error;
    }
  }

  #files(diffId: Digest): LayerFiles {
    const base = join(this.#directory, `${algorithmOf(diffId)}-${hexOf(diffId)}`);
    return { tar: `${base}.tar`, index: `${base}.index.json` };
  }
}

/** File systems keep fractions of a millisecond, and lose some in between. */
function isoTime(milliseconds: number): string {
  return new Date(Math.round(milliseconds)).toISOString();
}

function layerCorrupt(diffId: Digest, reason: string, cause?: unknown): CodedError<'LAYER_CORRUPT'> {
  return new CodedError('LAYER_CORRUPT', `layer ${diffId} is corrupt: ${reason}`, { diffId, reason }, { cause });
}
