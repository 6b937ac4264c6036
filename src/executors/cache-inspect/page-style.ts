/** The style of the report's page: readable in light and dark, on screen and on paper. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1c2430; --dim: #667085; --paper: #fff; --line: #d9dee7; --soft: #f3f5f9;
  --gzip: #4c7ff0; --estargz: #2ba6a0; --zstd: #8a63d2; --uncompressed: #9aa4b2; --shared: #e8933c; --result: #dbe7ff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf1; --dim: #98a2b3; --paper: #14181f; --line: #323a47; --soft: #1d232d; --result: #24407a; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1160px; margin: 0 auto;
  padding: 28px 24px 60px; }
h1 { font-size: 26px; margin: 0 0 8px; } h2 { font-size: 19px; margin: 36px 0 8px; }
h3 { font-size: 15px; margin: 24px 0 8px; overflow-wrap: anywhere; }
.totals span { display: inline-block; background: var(--soft); border-radius: 8px; padding: 6px 14px; margin: 0 8px 8px 0; color: var(--dim); }
.totals b { color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 7px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--dim); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 220px; }
th small { display: block; font-weight: 400; color: var(--dim); font-size: 11px; }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.mono { font-family: ui-monospace, monospace; font-size: 12px; }
svg { display: block; } svg text { fill: var(--ink); font-size: 12px; } svg text.small { fill: var(--dim); font-size: 11px; }
svg.layers { width: 100%; height: auto; }
.bar, .legend i { fill: var(--uncompressed); background: var(--uncompressed); }
.gzip { fill: var(--gzip) !important; background: var(--gzip) !important; }
.estargz { fill: var(--estargz) !important; background: var(--estargz) !important; }
.zstd { fill: var(--zstd) !important; background: var(--zstd) !important; }
.shared { fill: var(--shared) !important; background: var(--shared) !important; }
.node { stroke: var(--line); fill: var(--soft); } .node.result { fill: var(--result); stroke: var(--gzip); }
.legend i.result { background: var(--result); outline: 1px solid var(--gzip); }
.legend i.key { background: var(--soft); outline: 1px solid var(--line); }
.edge { fill: none; stroke: var(--dim); stroke-opacity: .55; stroke-width: 1.3; } .edge.selected { stroke-dasharray: 4 3; }
.legend, .note { color: var(--dim); font-size: 13px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 5px 0 12px; vertical-align: -1px; }
.legend i:first-child { margin-left: 0; }
`;
