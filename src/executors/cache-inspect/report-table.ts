import type { CachesReport, RecordDescription } from '../../cache/inspect-caches';
import { formatPlatform } from '../../oci/platform';
import { formatBytes } from '../../progress/quantities';
import { formatTable, type Column } from '../../report/table';
import { formatAge } from './age';

/** Rows of a table; what is more is counted. The JSON output has all. */
const MAX_ROWS = 40;
const DIGEST_CHARACTERS = 'sha256:'.length + 12;

const cacheColumns: readonly Column[] = [
  { title: 'CACHE', align: 'left', maxCharacters: 64 },
  { title: 'STAGE', align: 'left', maxCharacters: 24 },
  { title: 'FORM', align: 'left' },
  { title: 'RECORDS', align: 'right' },
  { title: 'RESULTS', align: 'right' },
  { title: 'LAYERS', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'OWN', align: 'right' },
  { title: 'CONFIG', align: 'right' },
  { title: 'NEWEST', align: 'right' },
  { title: 'OLDEST', align: 'right' },
];

const layerColumns: readonly Column[] = [
  { title: 'LAYER', align: 'left' },
  { title: 'SIZE', align: 'right' },
  { title: 'COMPRESSION', align: 'left' },
  { title: 'AGE', align: 'right' },
  { title: 'RESULTS', align: 'right' },
  { title: 'CACHES', align: 'right' },
  { title: 'STEP', align: 'left', maxCharacters: 60 },
];

const recordColumns: readonly Column[] = [
  { title: 'RECORD', align: 'right' },
  { title: 'KEY', align: 'left' },
  { title: 'INPUTS', align: 'left', maxCharacters: 40 },
  { title: 'LAYERS', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'AGE', align: 'right' },
];

/** What is in caches, for a terminal: caches, records of each, layers, and what the caches share. */
export function formatReport(report: CachesReport, nowMs: number): string {
  const sections = [
    formatTable(
      cacheColumns,
      report.caches.map((cache) => cacheRow(cache, nowMs)),
    ),
    ...report.caches.map(({ location, records }) => [
      `records of ${printable(location)}`,
      ...limited(recordColumns, records, (record) => recordRow(record, nowMs)),
    ]),
    limited(layerColumns, report.layers, (layer) => [
      short(layer.digest),
      formatBytes(layer.sizeBytes),
      layer.compression ?? printable(layer.mediaType),
      formatAge(layer.createdAt, nowMs),
      `${layer.results}`,
      `${layer.caches.length}`,
      printable(layer.description ?? ''),
    ]),
  ];
  if (report.shared.length > 0) sections.push(sharedLines(report));
  sections.push([`${report.layers.length} layers of ${formatBytes(report.layerBytes)} in all`]);
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

function cacheRow(cache: CachesReport['caches'][number], nowMs: number): readonly string[] {
  const platform = cache.platform ? ` ${formatPlatform(cache.platform)}` : '';
  return [
    printable(cache.location) + printable(platform),
    printable(cache.stage ?? ''),
    cache.kind === 'inline' ? 'inline' : cache.form,
    `${cache.records.length}`,
    `${cache.results}`,
    `${cache.layers}`,
    formatBytes(cache.layerBytes),
    formatBytes(cache.ownBytes),
    formatBytes(cache.configBytes),
    formatAge(cache.newest, nowMs),
    formatAge(cache.oldest, nowMs),
  ];
}

function recordRow(record: RecordDescription, nowMs: number): readonly string[] {
  const inputs = record.inputs.map((links) => links.map((link) => `#${link.record}`).join('|')).join(' ');
  const hasResult = record.createdAt !== undefined;
  return [
    `#${record.index}`,
    short(record.digest),
    inputs,
    hasResult ? `${record.layers}` : '',
    hasResult ? formatBytes(record.bytes) : '',
    formatAge(record.createdAt, nowMs),
  ];
}

function sharedLines({ shared, caches }: CachesReport): readonly string[] {
  const nameOf = (index: number): string => printable(caches[index]?.location ?? '');
  const lines = shared.slice(0, MAX_ROWS).map(({ bytes, caches: [a, b], layers }) => {
    return `${nameOf(a)} and ${nameOf(b)} share ${layers} layers of ${formatBytes(bytes)}`;
  });
  return shared.length > MAX_ROWS ? [...lines, `and ${shared.length - MAX_ROWS} pairs more`] : lines;
}

function limited<T>(
  columns: readonly Column[],
  items: readonly T[],
  row: (item: T) => readonly string[],
): readonly string[] {
  const lines = formatTable(columns, items.slice(0, MAX_ROWS).map(row));
  return items.length > MAX_ROWS ? [...lines, `and ${items.length - MAX_ROWS} more`] : lines;
}

export function short(digest: string): string {
  return digest.slice(0, DIGEST_CHARACTERS);
}

/** Names come from whoever wrote the cache, and must not drive a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}
