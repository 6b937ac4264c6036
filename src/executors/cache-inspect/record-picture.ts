import type { CacheDescription, RecordDescription } from '../../cache/inspect-caches';
import { formatBytes } from '../../progress/quantities';
import { formatAge } from './age';
import { html, type Markup } from './html';

/** Records that the picture shows: those with results and what leads to them, as far as they fit. */
const MAX_RECORDS = 240;
const NODE_WIDTH = 116;
const NODE_HEIGHT = 36;
const COLUMN = NODE_WIDTH + 30;
const ROW = NODE_HEIGHT + 14;
const MARGIN = 12;
const KEY_CHARACTERS = 12;

interface Place {
  readonly record: RecordDescription;
  readonly x: number;
  readonly y: number;
}

/** The records of a cache as an SVG picture: inputs left, what is made of them right, filled where there is a result. */
export function recordPicture({ records }: CacheDescription, nowMs: number): Markup {
  const shown = chooseRecords(records);
  const places = placeRecords(shown);
  const width = MARGIN * 2 + Math.max(0, ...[...places.values()].map(({ x }) => x)) + NODE_WIDTH;
  const height = MARGIN * 2 + Math.max(0, ...[...places.values()].map(({ y }) => y)) + NODE_HEIGHT;
  const hidden = records.length - shown.length;
  const note = hidden > 0 ? html`<p class="note">${hidden} of ${records.length} records are not shown.</p>` : '';
  return html`<div class="scroll">
      <svg
        class="records"
        width="${width}"
        height="${height}"
        viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}"
        role="img"
        aria-label="Records and what they link to"
      >
        ${[...places.values()].map((place) => edges(place, places))}${[...places.values()].map((place) => node(place, nowMs))}
      </svg>
    </div>
    ${note}`;
}

/** All, or those of the largest results with what they link to. */
function chooseRecords(records: readonly RecordDescription[]): readonly RecordDescription[] {
  if (records.length <= MAX_RECORDS) return records;
  const chosen = new Set<number>();
  const ranked = [...records].sort((a, b) => b.bytes - a.bytes || b.depth - a.depth);
  for (const { index } of ranked) {
    const pending = [index];
    for (let next = pending.pop(); next !== undefined && chosen.size < MAX_RECORDS; next = pending.pop()) {
      if (chosen.has(next)) continue;
      chosen.add(next);
      for (const links of records[next]?.inputs ?? []) pending.push(...links.map(({ record }) => record));
    }
    if (chosen.size >= MAX_RECORDS) break;
  }
  return records.filter(({ index }) => chosen.has(index));
}

/** A column per depth; in it, records stand near the middle of what they are made of, so that few lines cross. */
function placeRecords(records: readonly RecordDescription[]): ReadonlyMap<number, Place> {
  const depths = [...new Set(records.map(({ depth }) => depth))].sort((a, b) => a - b);
  const places = new Map<number, Place>();
  for (const [column, depth] of depths.entries()) {
    const heightOf = (record: RecordDescription): number => {
      const inputs = record.inputs.flat().flatMap((link) => places.get(link.record)?.y ?? []);
      return inputs.length === 0 ? 0 : inputs.reduce((sum, y) => sum + y, 0) / inputs.length;
    };
    const inColumn = records
      .filter((record) => record.depth === depth)
      .map((record) => ({ record, wanted: heightOf(record) }))
      .sort((a, b) => a.wanted - b.wanted || a.record.index - b.record.index);
    inColumn.forEach(({ record }, row) => places.set(record.index, { record, x: column * COLUMN, y: row * ROW }));
  }
  return places;
}

function edges({ record, x, y }: Place, places: ReadonlyMap<number, Place>): readonly Markup[] {
  return record.inputs.flatMap((links, input) =>
    links.flatMap((link) => {
      const source = places.get(link.record);
      if (source === undefined) return [];
      const from = { x: source.x + NODE_WIDTH, y: source.y + NODE_HEIGHT / 2 };
      const to = { x, y: y + NODE_HEIGHT / 2 };
      const bend = (from.x + to.x) / 2;
      const path = `M${from.x} ${from.y}C${bend} ${from.y} ${bend} ${to.y} ${to.x} ${to.y}`;
      const title = `input ${input}${link.selector === undefined ? '' : `, selector ${link.selector}`}`;
      const kind = link.selector === undefined ? 'edge' : 'edge selected';
      return [html`<path class="${kind}" d="${path}"><title>${title}</title></path> `];
    }),
  );
}

function node({ record, x, y }: Place, nowMs: number): Markup {
  const hasResult = record.createdAt !== undefined;
  const key = record.digest.slice(record.digest.indexOf(':') + 1);
  const age = formatAge(record.createdAt, nowMs);
  const detail = hasResult ? `${record.layers} layers, ${formatBytes(record.bytes)}` : 'no result';
  const title = `#${record.index} ${record.digest}\n${detail}${age === '' ? '' : `\n${age} old`}`;
  return html`<g transform="translate(${x} ${y})"
    ><title>${title}</title>
    <rect class="node ${hasResult ? 'result' : 'key'}" width="${NODE_WIDTH}" height="${NODE_HEIGHT}" rx="6" />
    <text class="mono" x="8" y="15">${key.slice(0, KEY_CHARACTERS)}</text>
    <text class="small" x="8" y="29">${detail}</text></g
  > `;
}
