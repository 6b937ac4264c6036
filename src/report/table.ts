export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Longer cells are cut, with an ellipsis. Default: no bound. */
  readonly maxCharacters?: number;
}

/** Rows below a line of titles, columns as wide as their widest cell, two spaces between them. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) =>
    row.map((cell, index) => cut(cell, columns[index]?.maxCharacters ?? Infinity)),
  );
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)));
  return cells.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

function cut(cell: string, maxCharacters: number): string {
  return cell.length <= maxCharacters ? cell : `${cell.slice(0, maxCharacters - 1)}…`;
}
