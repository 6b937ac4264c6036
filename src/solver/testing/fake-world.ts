import { Readable } from 'node:stream';
import { collectExport } from '../../cache/collect-export';
import { exportCache } from '../../cache/export-cache';
import { importCache } from '../../cache/import-cache';
import { uncompressedAnnotation, type CacheMode, type Remote, type RecordSource } from '../../cache/contract';
import type { ExportableRecord, ExportableResult } from '../../cache/exportable-record';
import { MemoryStore } from '../../content/memory-store';
import { parseDockerfile } from '../../dockerfile/parse';
import type { FileTree } from '../../filetree/contract';
import { convertDockerfile } from '../../llb/convert';
import type { Edge } from '../../llb/operation';
import type { Descriptor } from '../../oci/descriptor';
import { digestOf, type Digest } from '../../oci/digest';
import { mediaTypes } from '../../oci/media-types';
import type { SolverResult } from '../contract';

/** A result whose layers are names: what is in them is the tree that the world remembers for them. */
export interface FakeResult extends SolverResult {
  readonly diffIds: readonly Digest[];
}

/** What builders in a test share: images, and what is in layers wherever they lie. */
export class FakeWorld {
  readonly #trees = new Map<string, FileTree>();
  /** Where exports read layers from: the builders' own disks. */
  readonly disk = new MemoryStore('disk');

  resultOf(diffIds: readonly Digest[]): FakeResult {
    const id = diffIds.join(' ');
    return {
      id,
      diffIds,
      tree: () => {
        const tree = this.#trees.get(id);
        return tree ? Promise.resolve(tree) : Promise.reject(new Error(`no tree for ${id}`));
      },
    };
  }

  /** A result of the lower layers and one that makes `tree` of them. */
  stack(lower: readonly Digest[], top: string, tree: FileTree): FakeResult {
    const result = this.resultOf([...lower, digestOf(`layer ${top}`)]);
    this.#trees.set(result.id, tree);
    return result;
  }

  descriptorOf(diffId: Digest): Descriptor {
    const bytes = layerBytes(diffId);
    return {
      mediaType: mediaTypes.ociLayerGzip,
      digest: digestOf(bytes),
      size: bytes.length,
      annotations: { [uncompressedAnnotation]: diffId },
    };
  }

  async remoteOf(origin: ExportableResult<FakeResult>['origin']): Promise<Remote> {
    if (origin.kind === 'remote') return origin.remote;
    const diffIds = origin.kind === 'layers' ? origin.diffIds : origin.result.diffIds;
    for (const diffId of diffIds) {
      await this.disk.put(this.descriptorOf(diffId), () => Promise.resolve(Readable.from([layerBytes(diffId)])));
    }
    const descriptors = diffIds.map((diffId) => this.descriptorOf(diffId));
    return { descriptors, provider: this.disk };
  }

  /** Writes the cache of a build into a registry's repository, by the way an engine goes. */
  async export(
    records: readonly ExportableRecord<FakeResult>[],
    options: { readonly to: MemoryStore; readonly tag: string; readonly mode: CacheMode },
  ): Promise<void> {
    const cache = await collectExport(records, {
      mode: options.mode,
      resolveRemote: (origin) => this.remoteOf(origin),
    });
    await exportCache(cache, options.to, { tag: options.tag, imageManifest: true, ociMediaTypes: true });
  }
}

export async function importSource(store: MemoryStore, tag: string): Promise<RecordSource> {
  const outcome = await importCache(store, tag, { name: `${store.name}:${tag}` });
  if (outcome.kind !== 'imported') throw new Error(`${tag} is ${outcome.kind}`);
  return outcome.source;
}

/** The graph of a Dockerfile on amd64; every image it names has one layer. */
export async function graphOf(text: string, options: { readonly noCache?: readonly string[] } = {}): Promise<Edge> {
  const { dockerfile } = parseDockerfile({ path: 'Dockerfile', text });
  const { root, diagnostics } = await convertDockerfile(
    { dockerfile, platform: { os: 'linux', architecture: 'amd64' }, ...options },
    {
      resolveImage: ({ repository, tag = 'latest' }) =>
        Promise.resolve({
          manifest: { mediaType: mediaTypes.ociManifest, digest: digestOf(`${repository}:${tag}`), size: 1 },
          config: {
            os: 'linux',
            architecture: 'amd64',
            rootfs: { type: 'layers', diff_ids: [imageDiffId(repository)] },
          },
        }),
    },
  );
  if (root === undefined) throw new Error(JSON.stringify(diagnostics));
  return root;
}

/** Tags of one repository are one file system in different manifests. */
export function imageDiffId(repository: string): Digest {
  return digestOf(`layer image ${repository}`);
}

function layerBytes(diffId: Digest): Buffer {
  return Buffer.from(`compressed ${diffId}`);
}
