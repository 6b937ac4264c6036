import type { CachesReport } from '../../cache/inspect-caches';
import { formatBytes } from '../../progress/quantities';
import { formatAge } from './age';
import { html, type Markup } from './html';
import { short } from './report-table';

/** Layers that the picture shows; the rest are one bar. */
const MAX_BARS = 40;
const WIDTH = 960;
const ROW = 22;
const LABEL = 210;
const VALUE = 130;

/** A bar per layer, the largest first, as an SVG picture. Layers that several caches have are of another colour. */
export function layerPicture({ layers }: CachesReport, nowMs: number): Markup {
  const shown = layers.slice(0, MAX_BARS);
  const rest = layers.slice(MAX_BARS);
  const restBytes = rest.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const largest = Math.max(1, restBytes, ...shown.map(({ sizeBytes }) => sizeBytes));
  const bars = shown.map((layer, index) => {
    const what = [layer.compression ?? layer.mediaType, formatAge(layer.createdAt, nowMs), layer.description ?? ''];
    const title = `${layer.digest}\n${what.filter((text) => text !== '').join(', ')}\nin ${layer.caches.length} caches`;
    const kind = layer.caches.length > 1 ? 'shared' : (layer.compression ?? 'other');
    return bar(index, { name: short(layer.digest), title, kind, bytes: layer.sizeBytes, largest });
  });
  if (rest.length > 0) {
    const name = `${rest.length} smaller ones`;
    bars.push(bar(shown.length, { name, title: name, kind: 'other', bytes: restBytes, largest }));
  }
  const height = Math.max(1, bars.length) * ROW + 8;
  return html`<svg class="layers" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Sizes of layers">
    ${bars}
  </svg>`;
}

interface Bar {
  readonly name: string;
  readonly title: string;
  /** A class of the page's style. */
  readonly kind: string;
  readonly bytes: number;
  readonly largest: number;
}

function bar(row: number, { bytes, kind, largest, name, title }: Bar): Markup {
  const y = row * ROW + 4;
  const width = Math.max(2, ((WIDTH - LABEL - VALUE) * bytes) / largest).toFixed(1);
  return html`<g
    ><title>${title}</title>
    <text class="mono" x="${LABEL - 10}" y="${y + 14}" text-anchor="end">${name}</text>
    <rect class="bar ${kind}" x="${LABEL}" y="${y}" width="${width}" height="${ROW - 5}" rx="3" />
    <text x="${(LABEL + 8 + Number(width)).toFixed(1)}" y="${y + 14}">${formatBytes(bytes)}</text></g
  > `;
}
