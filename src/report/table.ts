export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Longer cells are cut, with an ellipsis. Default: no bound. */
  readonly maxCharacters?: number;
  /** What the column keeps of its width when the table has to become narrower. Default: all of it. */
  readonly minCharacters?: number;
}

export interface TableOptions {
  /** Characters of a line. Where the table is wider, columns with `minCharacters` give way. Default: no bound. */
  readonly maxCharacters?: number;
}

const gap = '  ';

/** Rows below a line of titles, columns as wide as their widest cell, two spaces between them. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { maxCharacters = Infinity }: TableOptions = {},
): readonly string[] {
  const cells = [columns.map(({ title }) => title), ...rows];
  const wanted = columns.map((column, index) =>
    Math.min(column.maxCharacters ?? Infinity, Math.max(...cells.map((row) => (row[index] ?? '').length))),
  );
  const widths = shrink(wanted, columns, maxCharacters - gap.length * (columns.length - 1));
  return cells.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        const text = cut(cell, width);
        return columns[index]?.align === 'right' ? text.padStart(width) : text.padEnd(width);
      })
      .join(gap)
      .trimEnd(),
  );
}

/** Widths that add up to `maxCharacters`, as far as columns may give way: always the widest of those first. */
function shrink(widths: readonly number[], columns: readonly Column[], maxCharacters: number): readonly number[] {
  const found = [...widths];
  for (let excess = found.reduce((sum, width) => sum + width, 0) - maxCharacters; excess > 0; excess--) {
    let widest: number | undefined;
    for (const [index, width] of found.entries()) {
      if (width <= (columns[index]?.minCharacters ?? Infinity)) continue;
      if (widest === undefined || width > (found[widest] ?? 0)) widest = index;
    }
    if (widest === undefined) break;
    found[widest] = (found[widest] ?? 0) - 1;
  }
  return found;
}

function cut(cell: string, maxCharacters: number): string {
  return cell.length <= maxCharacters ? cell : `${cell.slice(0, Math.max(0, maxCharacters - 1))}…`;
}
