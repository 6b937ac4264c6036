/** Adds the paths that no line of the file ignores yet at its end. Everything else stays as it is. */
export function addIgnoredPaths(text: string, paths: readonly string[]): string {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const missing = paths.filter((path) => !lines.some((line) => covers(line, path)));
  if (missing.length === 0) return text;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const head = text === '' || text.endsWith('\n') ? text : text + newline;
  return head + missing.map((path) => `/${path}${newline}`).join('');
}

/** Whether a line ignores the path or a folder around it, by name or from the root. */
function covers(line: string, path: string): boolean {
  const pattern = line.replace(/^\*\*\//, '').replace(/^\/|\/(?:\*{1,2})?$/g, '');
  if (pattern === '' || line.startsWith('#') || line.startsWith('!')) return false;
  if (pattern === '*') return true;
  return path === pattern || path.startsWith(`${pattern}/`);
}
