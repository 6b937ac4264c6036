import { CodedError } from '../diagnostics/coded-error';
import { isDigest } from '../oci/digest';
import { parseStrictJson } from '../oci/strict-json';
import { ChainedLayers } from './chained-layers';
import type { CacheConfig, CacheLayer, CacheLink, CacheRecord, CacheResult } from './contract';
import { topologicalOrder } from './record-order';
import { isTime, zeroTime } from './rfc3339';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    CACHE_CONFIG_INVALID: { readonly reason: string };
  }
}

/** Size up to which a cache config is read. BuildKit itself reads no more than 1 MiB. */
export const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Records, and likewise layers, of one config. */
export const MAX_CONFIG_RECORDS = 1_000_000;

/** Links of all records together. */
export const MAX_CONFIG_LINKS = 1_000_000;

/** Layers on top of each other. No kernel mounts as many; what has more would only cost time. */
export const MAX_CHAIN_LAYERS = 4096;

const MAX_SELECTOR_LENGTH = 4096;

/**
 * Reads a cache config that someone else wrote. Throws `CACHE_CONFIG_INVALID` for anything that BuildKit could not have
 * written: wrong types, indexes out of range, records or layers that form a circle, keys that stand twice, and more than
 * the bounds above. Unknown fields are ignored. Linear time.
 */
export function parseCacheConfig(bytes: Uint8Array): CacheConfig {
  const config = object(parseJson(bytes), 'it');
  const layers = list(config['layers'], 'layers').map(parseLayer);
  checkLayers(layers);
  return withRecords(config['records'], layers);
}

/**
 * Reads the records of an inline cache (a JSON array), whose layers are those of the image that it lies in, lowest
 * first. Throws like {@link parseCacheConfig}.
 */
export function parseInlineRecords(bytes: Uint8Array, layers: readonly CacheLayer[]): CacheConfig {
  const records = parseJson(bytes);
  if (records !== null && !Array.isArray(records)) fail('its records are not a list');
  return withRecords(records, layers);
}

function withRecords(value: unknown, layers: readonly CacheLayer[]): CacheConfig {
  const chained = new ChainedLayers(layers, { maxLayers: MAX_CONFIG_RECORDS, fail });
  const records = list(value, 'records').map((record, index) => parseRecord(record, index, chained));
  checkRecords(records, chained.layers.length);
  return { layers: chained.layers, records };
}

/**
 * The JSON that BuildKit would write for the same config: fields in its order, `parent` left out where it is 0, empty
 * lists left out. The order of records and layers stays; `orderConfig` makes it canonical.
 */
export function serializeCacheConfig(config: CacheConfig): Buffer {
  const layers = config.layers.map(({ blob, parent }) => (parent === 0 ? { blob } : { blob, parent }));
  const records = config.records.map((record) => wireRecord(record));
  return Buffer.from(JSON.stringify({ ...(layers.length > 0 && { layers }), ...(records.length > 0 && { records }) }));
}

/** A result whose layers do not lie on each other in an image, as its inline cache lists them. */
export interface WireChain {
  /** Indexes of the image's layers, lowest first. */
  readonly layers: readonly number[];
  readonly createdAt: string;
}

/** A record as it stands in JSON. Only inline caches have chains. */
export function wireRecord(record: CacheRecord, chains: readonly WireChain[] = []): object {
  return {
    ...(record.layers.length > 0 && {
      layers: record.layers.map(({ layer, createdAt }) => ({ layer, createdAt })),
    }),
    ...(chains.length > 0 && { chains }),
    digest: record.digest,
    ...(record.inputs.length > 0 && {
      inputs: record.inputs.map((links) =>
        links.map(({ selector, link }) => (selector === undefined ? { link } : { selector, link })),
      ),
    }),
  };
}

function parseJson(bytes: Uint8Array): unknown {
  const json = parseStrictJson(bytes, { maxBytes: MAX_CONFIG_BYTES });
  return json.ok ? json.value : fail(json.reason);
}

function parseLayer(value: unknown, index: number): CacheLayer {
  const layer = object(value, 'layer', index);
  const blob = layer['blob'];
  if (!isDigest(blob)) fail(`layer ${index} has no valid blob`);
  return { blob, parent: integer(layer['parent'], 'the parent of layer', index) };
}

function parseRecord(value: unknown, index: number, chained: ChainedLayers): CacheRecord {
  const record = object(value, 'record', index);
  const digest = record['digest'];
  if (!isDigest(digest)) fail(`record ${index} has no valid digest`);
  return {
    digest,
    layers: [
      ...list(record['layers'], 'the layers of record', index).map((result) => parseResult(result, index)),
      ...list(record['chains'], 'the chains of record', index).flatMap((chain) => parseChain(chain, index, chained)),
    ],
    inputs: list(record['inputs'], 'the inputs of record', index).map((input) => {
      const links = list(input, 'an input of record', index);
      if (links.length === 0) fail(`record ${index} has an input without a link`);
      return links.map((link) => parseLink(link, index));
    }),
  };
}

function parseResult(value: unknown, record: number): CacheResult {
  const result = object(value, 'a layer of record', record);
  const createdAt = parseCreatedAt(result, record);
  return { layer: integer(result['layer'], 'a layer of record', record), createdAt };
}

/** A result of layers that do not lie on each other in the image: BuildKit's inline exporter lists them. */
function parseChain(value: unknown, record: number, chained: ChainedLayers): readonly CacheResult[] {
  const chain = object(value, 'a chain of record', record);
  const createdAt = parseCreatedAt(chain, record);
  const indexes = list(chain['layers'], 'the layers of a chain of record', record).map((layer) =>
    integer(layer, 'a layer of a chain of record', record),
  );
  if (indexes.length > MAX_CHAIN_LAYERS) fail(`a chain of record ${record} has more than ${MAX_CHAIN_LAYERS} layers`);
  const layer = chained.top(indexes);
  return layer === undefined ? [] : [{ layer, createdAt }];
}

function parseCreatedAt(result: Readonly<Record<string, unknown>>, record: number): string {
  const createdAt = result['createdAt'] ?? zeroTime;
  if (typeof createdAt === 'string' && isTime(createdAt)) return createdAt;
  return fail(`a layer of record ${record} has no valid time`);
}

function parseLink(value: unknown, record: number): CacheLink {
  const link = object(value, 'a link of record', record);
  const selector = link['selector'] ?? '';
  if (typeof selector !== 'string' || selector.length > MAX_SELECTOR_LENGTH) {
    fail(`a link of record ${record} has no valid selector`);
  }
  const target = integer(link['link'], 'a link of record', record);
  return selector === '' ? { link: target } : { selector, link: target };
}

/** Parents are in range and lead to a lowest layer. */
function checkLayers(layers: readonly CacheLayer[]): void {
  const walkOf = new Int32Array(layers.length).fill(-1);
  const heights = new Int32Array(layers.length);
  layers.forEach((_, start) => {
    const walk: number[] = [];
    let index = start;
    for (; index !== -1; index = layers[index]?.parent ?? -1) {
      if (index < -1 || index >= layers.length)
        fail(`layer ${start} leads to a layer ${index}, which there is none of`);
      if (walkOf[index] === start) fail(`layer ${index} is its own ancestor`);
      if (walkOf[index] !== -1) break;
      walkOf[index] = start;
      walk.push(index);
    }
    let height = index === -1 ? 0 : (heights[index] ?? 0);
    for (const walked of walk.reverse()) heights[walked] = ++height;
    if (height > MAX_CHAIN_LAYERS) fail(`more than ${MAX_CHAIN_LAYERS} of its layers lie on each other`);
  });
}

function checkRecords(records: readonly CacheRecord[], layerCount: number): void {
  let linkCount = 0;
  records.forEach((record, index) => {
    for (const { layer } of record.layers) {
      if (layer < 0 || layer >= layerCount) fail(`record ${index} names a layer ${layer}, which there is none of`);
    }
    for (const links of record.inputs) {
      linkCount += links.length;
      if (linkCount > MAX_CONFIG_LINKS) fail(`its records have more than ${MAX_CONFIG_LINKS} links`);
      for (const { link } of links) {
        if (link < 0 || link >= records.length)
          fail(`record ${index} links to a record ${link}, which there is none of`);
      }
    }
  });
  if (topologicalOrder(records) === undefined) fail('its records link in a circle');
}

/** What a message says is wrong: `name`, and the index if there is one. Put together only if it is needed. */
type Subject = readonly [name: string, index?: number];

function object(value: unknown, ...subject: Subject): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail(`${subject.join(' ')} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}

/** As in Go, null is an empty list. */
function list(value: unknown, ...subject: Subject): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return fail(`${subject.join(' ')} are not a list`);
  if (value.length > MAX_CONFIG_RECORDS) fail(`${subject.join(' ')} are more than ${MAX_CONFIG_RECORDS}`);
  return value;
}

/** As in Go, what is absent is 0. */
function integer(value: unknown, ...subject: Subject): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) fail(`${subject.join(' ')} is not an integer`);
  return value;
}

function fail(reason: string, cause?: unknown): never {
  throw new CodedError('CACHE_CONFIG_INVALID', `the cache config is invalid: ${reason}`, { reason }, { cause });
}
