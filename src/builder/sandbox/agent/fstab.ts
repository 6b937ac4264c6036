/** One line of an fstab(5) file. */
export interface FstabEntry {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

/**
 * Mounts as a file for `mount --all --fstab`: one process makes them all in their order, where a process for each would
 * take longer than most steps.
 */
export function formatFstab(entries: readonly FstabEntry[]): string {
  return entries
    .map(({ source, target, type, options }) => {
      const fields = [source, target, type, options.length === 0 ? 'defaults' : options.join(',')];
      return `${fields.map(escapeField).join(' ')} 0 0\n`;
    })
    .join('');
}

/** White space, backslashes and what would begin a comment, in octal. */
function escapeField(field: string): string {
  return field.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
