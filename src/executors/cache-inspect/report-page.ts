import type { CacheDescription, CachesReport } from '../../cache/inspect-caches';
import { formatPlatform } from '../../oci/platform';
import { formatBytes } from '../../progress/quantities';
import { formatAge } from './age';
import { html, Markup } from './html';
import { layerPicture } from './layer-picture';
import { pageStyle } from './page-style';
import { recordPicture } from './record-picture';

/** Pairs of caches in the table of what is shared. */
const MAX_PAIRS = 50;

/**
 * The report as one HTML page that loads nothing and runs nothing: its policy forbids scripts and requests. All names in
 * it come from whoever wrote the caches, and are escaped.
 */
export function reportPage(report: CachesReport, nowMs: number): string {
  const results = report.caches.reduce((sum, cache) => sum + cache.results, 0);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Build caches</title>
        <style>
          ${new Markup(pageStyle)}
        </style>
      </head>
      <body>
        <h1>Build caches</h1>
        <p class="totals">
          <span><b>${report.caches.length}</b> caches</span> <span><b>${results}</b> results</span>
          <span><b>${report.layers.length}</b> layers</span> <span><b>${formatBytes(report.layerBytes)}</b></span>
        </p>
        ${cachesTable(report, nowMs)} ${sharedTable(report)}
        <h2>Layers</h2>
        <p class="legend">
          <i class="gzip"></i>gzip <i class="estargz"></i>estargz <i class="zstd"></i>zstd
          <i class="uncompressed"></i>uncompressed <i class="shared"></i>in several caches
        </p>
        ${layerPicture(report, nowMs)}
        <h2>Records</h2>
        <p class="legend">
          <i class="result"></i>with a result <i class="key"></i>leads to one <em>dashed: linked through a selector</em>
        </p>
        ${report.caches.map(
          (cache) =>
            html`<h3>${titleOf(cache)}</h3>
              ${recordPicture(cache, nowMs)} `,
        )}
      </body>
    </html> `;
  return page.text;
}

function cachesTable({ caches }: CachesReport, nowMs: number): Markup {
  const rows = caches.map(
    (cache) =>
      html`<tr>
        <th scope="row">${titleOf(cache)}<small class="mono">${cache.manifest}</small></th>
        <td>${cache.stage ?? ''}</td>
        <td>${cache.kind === 'inline' ? 'inline' : cache.form}</td>
        <td class="n">${cache.records.length}</td>
        <td class="n">${cache.results}</td>
        <td class="n">${cache.layers}</td>
        <td class="n">${formatBytes(cache.layerBytes)}</td>
        <td class="n">${formatBytes(cache.ownBytes)}</td>
        <td class="n">${formatBytes(cache.configBytes)}</td>
        <td class="n">${formatAge(cache.newest, nowMs)}</td>
        <td class="n">${formatAge(cache.oldest, nowMs)}</td>
      </tr> `,
  );
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>Cache</th>
          <th>Stage</th>
          <th>Form</th>
          <th>Records</th>
          <th>Results</th>
          <th>Layers</th>
          <th>Size</th>
          <th>Of its own</th>
          <th>Config</th>
          <th>Newest</th>
          <th>Oldest</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function sharedTable({ caches, shared }: CachesReport): Markup | string {
  if (shared.length === 0) return '';
  const nameOf = (index: number): string => (caches[index] ? titleOf(caches[index]) : '');
  const rows = shared.slice(0, MAX_PAIRS).map(
    ({ bytes, caches: [a, b], layers }) =>
      html`<tr>
        <td>${nameOf(a)}</td>
        <td>${nameOf(b)}</td>
        <td class="n">${layers}</td>
        <td class="n">${formatBytes(bytes)}</td>
      </tr> `,
  );
  return html`<h2>What caches share</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Cache</th>
            <th>and</th>
            <th>Layers</th>
            <th>Size</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${shared.length > MAX_PAIRS ? html`<p class="note">${shared.length - MAX_PAIRS} pairs with less are not shown.</p>` : ''}`;
}

function titleOf({ location, platform }: CacheDescription): string {
  return platform === undefined ? location : `${location} (${formatPlatform(platform)})`;
}
