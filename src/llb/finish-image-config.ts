import type { Digest } from '../oci/digest';
import type { ContainerConfig, HistoryEntry, ImageConfig } from '../oci/image-config';
import { containerKeys } from './image-draft';

/** A layer of the finished image, lowest first. */
export interface FinishedLayer {
  readonly diffId: Digest;
  /** ISO time. */
  readonly createdAt?: string;
  /** What made it; for the history of layers that no instruction accounts for. */
  readonly description?: string;
}

export interface FinishOptions {
  readonly layers: readonly FinishedLayer[];
  /** ISO time of creation; without it, that of the last history entry that has one. */
  readonly created?: string;
  /** Seconds since the epoch: no time above it stays, except those that came with the base image. */
  readonly sourceDateEpoch?: number;
  /** The base image as it was, to know its history entries by. */
  readonly baseImage?: ImageConfig;
}

type OpenHistory = readonly HistoryEntry[];

/**
 * The config that is exported: the draft of a conversion with the layers that the build gave. History and layers are
 * brought into line as BuildKit's image exporter does (`exporter/containerimage/writer.go`): as many entries with a layer
 * as there are layers, each with a time. Keys are in the order of Go's structs, so that equal images have equal bytes.
 */
export function finishImageConfig(draft: ImageConfig, options: FinishOptions): ImageConfig {
  const aligned = alignHistory(draft.history ?? [], options.layers);
  const history = clampHistory(fillTimes(addLayerTimes(aligned, options.layers)), options);
  const created = clampTime(options.created ?? lastTime(history), options.sourceDateEpoch);
  const config = orderConfig(draft.config ?? {});
  return {
    architecture: draft.architecture,
    ...(draft.author !== undefined && draft.author !== '' && { author: draft.author }),
    config,
    ...(created !== undefined && { created }),
    history: history.map(orderHistory),
    os: draft.os,
    ...(draft['os.features'] !== undefined && { 'os.features': draft['os.features'] }),
    ...(draft['os.version'] !== undefined && draft['os.version'] !== '' && { 'os.version': draft['os.version'] }),
    rootfs: { type: 'layers', diff_ids: options.layers.map((layer) => layer.diffId) },
    ...(draft.variant !== undefined && draft.variant !== '' && { variant: draft.variant }),
  };
}

function alignHistory(history: OpenHistory, layers: readonly FinishedLayer[]): OpenHistory {
  let accounted = 0;
  const aligned = history.map((entry) => {
    if (entry.empty_layer) return entry;
    if (accounted >= layers.length) return { ...entry, empty_layer: true };
    accounted++;
    return entry;
  });
  const missing = layers.slice(accounted).map((layer) => ({
    ...(layer.createdAt !== undefined && { created: layer.createdAt }),
    created_by: layer.description ?? 'created by buildkit',
    comment: 'buildkit.exporter.image.v0',
  }));
  return [...aligned, ...missing];
}

function addLayerTimes(history: OpenHistory, layers: readonly FinishedLayer[]): OpenHistory {
  let index = 0;
  return history.map((entry) => {
    if (entry.empty_layer) return entry;
    const created = entry.created ?? layers[index]?.createdAt;
    index++;
    return created === undefined ? entry : { ...entry, created };
  });
}

/** Entries without a layer take the time of the first new layer, those after it the time of the layer before. */
function fillTimes(history: OpenHistory): OpenHistory {
  let created: string | undefined;
  let sawGap = false;
  for (const entry of history) {
    if (entry.created === undefined) sawGap = true;
    else {
      created = entry.created;
      if (sawGap) break;
    }
  }
  sawGap = false;
  return history.map((entry) => {
    if (entry.created !== undefined) {
      if (sawGap) created = entry.created;
      return entry;
    }
    sawGap = true;
    return created === undefined ? entry : { ...entry, created };
  });
}

function clampHistory(history: OpenHistory, options: FinishOptions): OpenHistory {
  const { sourceDateEpoch } = options;
  if (sourceDateEpoch === undefined) return history;
  const inherited = options.baseImage?.history ?? [];
  let diverged = false;
  return history.map((entry, index) => {
    diverged ||= !sameEntry(entry, inherited[index]);
    if (!diverged) return entry;
    return { ...entry, created: clampTime(entry.created, sourceDateEpoch) ?? epochTime(sourceDateEpoch) };
  });
}

function sameEntry(a: HistoryEntry, b: HistoryEntry | undefined): boolean {
  return b !== undefined && JSON.stringify(orderHistory(a)) === JSON.stringify(orderHistory(b));
}

function clampTime(time: string | undefined, sourceDateEpoch: number | undefined): string | undefined {
  if (time === undefined || sourceDateEpoch === undefined) return time;
  return Date.parse(time) > sourceDateEpoch * 1000 ? epochTime(sourceDateEpoch) : time;
}

/** As Go writes a time without a fraction. */
export function epochTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

function lastTime(history: OpenHistory): string | undefined {
  return history.findLast((entry) => entry.created !== undefined)?.created;
}

function orderHistory(entry: HistoryEntry): HistoryEntry {
  return {
    ...(entry.created !== undefined && { created: entry.created }),
    ...(entry.created_by !== undefined && entry.created_by !== '' && { created_by: entry.created_by }),
    ...(entry.author !== undefined && entry.author !== '' && { author: entry.author }),
    ...(entry.comment !== undefined && entry.comment !== '' && { comment: entry.comment }),
    ...(entry.empty_layer && { empty_layer: true }),
  };
}

function orderConfig(config: ContainerConfig): ContainerConfig {
  const ordered: Record<string, unknown> = {};
  for (const key of containerKeys) {
    const value = config[key];
    if (!isEmpty(value)) ordered[key] = sortedMaps.has(key) ? sortKeys(value as object) : value;
  }
  return ordered;
}

const sortedMaps: ReadonlySet<string> = new Set(['ExposedPorts', 'Volumes', 'Labels']);

function sortKeys(map: object): object {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}

/** What Go's `omitempty` leaves out. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
