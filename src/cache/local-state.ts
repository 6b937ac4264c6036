import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../content/atomic-file';
import type { BlobReader, CallOptions } from '../content/contract';
import { isCodedError } from '../diagnostics/coded-error';
import { unreachable } from '../diagnostics/unreachable';
import { isDigest, type Digest } from '../oci/digest';
import { mediaTypes } from '../oci/media-types';
import { parseCacheConfig, serializeCacheConfig } from './cache-config';
import { collectExport } from './collect-export';
import { configSource } from './config-source';
import { uncompressedAnnotation, type RecordSource, type Remote, type SourceRecord } from './contract';
import type { ExportableRecord, ExportableResult } from './exportable-record';

/** The name that hits of the local state have in reports. */
export const LOCAL_SOURCE_NAME = 'local';

/** Builds that are remembered; the ones that were not seen for longest are forgotten. */
const MAX_BUILDS = 512;
/** Bytes of all remembered builds together. */
const MAX_STATE_BYTES = 16 * 1024 * 1024;
const FILE_SUFFIX = '.json';
const TEMPORARY_DIRECTORY = 'tmp';

/** diffIDs of a result, lowest layer first; undefined if it has none. */
export type ListDiffIds<R> = (result: R) => readonly Digest[] | undefined;

/**
 * What this machine remembers of earlier builds: per build a file with its records, in the format of a cache config whose
 * blobs are the diffIDs of the results' layers. A file is named after its content and never changed, so any number of
 * processes may read and write; a build that brings nothing new only touches its file. Layers may be deleted at any time,
 * as a worker that misses one makes a miss of the hit.
 */
export class LocalState {
  constructor(private readonly directory: string) {}

  /** All that is remembered. Files that cannot be read are passed over. */
  async load(options: CallOptions = {}): Promise<RecordSource> {
    const sources: RecordSource[] = [];
    for (const { path } of await this.#files()) {
      options.signal?.throwIfAborted();
      const source = await readState(path);
      if (source) sources.push(source);
    }
    return {
      name: LOCAL_SOURCE_NAME,
      find: (digest) => sources.flatMap((source): readonly SourceRecord[] => source.find(digest)),
    };
  }

  /** Remembers a build. `now` is in milliseconds since the epoch and says what is old. */
  async save<R>(
    records: readonly ExportableRecord<R>[],
    options: CallOptions & { readonly listDiffIds: ListDiffIds<R>; readonly now: number },
  ): Promise<void> {
    const { config } = await collectExport(records, {
      mode: 'max',
      resolveRemote: (origin) => Promise.resolve(asRemote(origin, options.listDiffIds)),
      ...(options.signal && { signal: options.signal }),
    });
    if (config.layers.length === 0) return;
    const bytes = serializeCacheConfig(config);
    if (bytes.length > MAX_STATE_BYTES) return;
    const path = join(this.directory, createHash('sha256').update(bytes).digest('hex') + FILE_SUFFIX);
    const seconds = options.now / 1000;
    const known = await utimes(path, seconds, seconds).then(
      () => true,
      () => false,
    );
    if (!known) {
      const temporary = join(this.directory, TEMPORARY_DIRECTORY);
      await mkdir(temporary, { recursive: true });
      await writeFileAtomically(path, bytes, temporary);
      await utimes(path, seconds, seconds).catch(() => undefined);
    }
    await this.#forgetOldest();
  }

  async #forgetOldest(): Promise<void> {
    let bytes = 0;
    for (const [index, file] of (await this.#files()).entries()) {
      bytes += file.sizeBytes;
      if (index >= MAX_BUILDS || bytes > MAX_STATE_BYTES) await rm(file.path, { force: true });
    }
  }

  /** Newest first. */
  async #files(): Promise<readonly { readonly path: string; readonly sizeBytes: number; readonly seenMs: number }[]> {
    const names = await readdir(this.directory).catch((): string[] => []);
    const files = await Promise.all(
      names
        .filter((name) => name.endsWith(FILE_SUFFIX))
        .map(async (name) => {
          const path = join(this.directory, name);
          // Another process may have forgotten it in the meantime.
          const info = await stat(path).catch(() => undefined);
          return info ? [{ path, sizeBytes: info.size, seenMs: info.mtimeMs }] : [];
        }),
    );
    return files.flat().sort((a, b) => b.seenMs - a.seenMs || (a.path < b.path ? -1 : 1));
  }
}

async function readState(path: string): Promise<RecordSource | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return undefined;
  try {
    return configSource(parseCacheConfig(bytes), {
      name: LOCAL_SOURCE_NAME,
      open: (diffIds) => ({ kind: 'layers', diffIds }),
    });
  } catch (error) {
    if (isCodedError(error, 'CACHE_CONFIG_INVALID')) return undefined;
    throw error;
  }
}

/** The layers of a result as if each were an uncompressed blob, named by its diffID. */
function asRemote<R>(origin: ExportableResult<R>['origin'], listDiffIds: ListDiffIds<R>): Remote | undefined {
  const diffIds = diffIdsOf(origin, listDiffIds);
  if (diffIds === undefined) return undefined;
  const descriptors = diffIds.map((diffId) => ({
    mediaType: mediaTypes.ociLayer,
    digest: diffId,
    size: 0,
    annotations: { [uncompressedAnnotation]: diffId },
  }));
  return { descriptors, provider: noBlobs };
}

function diffIdsOf<R>(
  origin: ExportableResult<R>['origin'],
  listDiffIds: ListDiffIds<R>,
): readonly Digest[] | undefined {
  switch (origin.kind) {
    case 'result':
      return listDiffIds(origin.result);
    case 'layers':
      return origin.diffIds;
    case 'remote': {
      const diffIds = origin.remote.descriptors.map(({ annotations }) => annotations?.[uncompressedAnnotation]);
      return diffIds.every(isDigest) ? diffIds : undefined;
    }
    default:
      return unreachable(origin);
  }
}

/** The layers of a state are in the worker's store, not here. */
const noBlobs: BlobReader = {
  has: () => Promise.resolve(false),
  open: () => Promise.reject(new Error('a local state has no blobs')),
};
