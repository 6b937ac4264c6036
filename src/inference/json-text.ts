/**
 * Parses JSON that may have comments and trailing commas, as `project.json` may; undefined for anything else. Plain JSON,
 * which nearly all files are, costs nothing extra.
 */
export function parseJsonText(text: string): unknown {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    // It may only be plain JSON that is wrong; then the second try fails as well.
  }
  try {
    return JSON.parse(stripComments(body)) as unknown;
  } catch {
    return undefined;
  }
}

/** A string, a comment, or a comma with nothing but white space and comments before the bracket that follows. */
const tokens = /"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[^]*?\*\/|,(?=(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*[}\]])/g;

function stripComments(text: string): string {
  return text.replace(tokens, (token) => (token.startsWith('"') ? token : ' '));
}
