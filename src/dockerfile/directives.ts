import { nearestWord } from '../diagnostics/nearest-word';
import { didYouMean, type Problem } from './problem';
import type { SourceFile } from './source-file';
import { trimSpace, trimSpaceStart } from './white-space';

const DEFAULT_ESCAPE = '\\';
const ESCAPES = [DEFAULT_ESCAPE, '`'];
const KNOWN = ['syntax', 'escape', 'check'];

export interface Directives {
  /** By name in lower case. */
  readonly values: Readonly<Record<string, string>>;
  /** What escapes a character and continues a line. */
  readonly escape: string;
}

/**
 * Reads the parser directives (`# syntax=`, `# escape=`, `# check=`). They stand in comments at the very beginning of the
 * file: the first line that is no known directive ends them, and what looks like one further down is a plain comment.
 */
export function parseDirectives(file: SourceFile, report: (problem: Problem, line: number) => void): Directives {
  const values: Record<string, string> = {};
  for (let line = 1; line <= file.lineCount; line++) {
    const comment = trimSpaceStart(file.lineText(line));
    const [, written = '', rest = ''] = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=(.*)$/.exec(comment) ?? [];
    const name = written.toLowerCase();
    const value = trimSpace(rest);
    if (value === '') break;
    if (!KNOWN.includes(name)) {
      warnAboutSlip(name, (problem) => report(problem, line));
      break;
    }
    if (Object.hasOwn(values, name)) {
      report({ code: 'DOCKERFILE_DIRECTIVE', message: `the directive "${name}" is given twice` }, line);
      continue;
    }
    values[name] = value;
    if (name !== 'escape' || ESCAPES.includes(value)) continue;
    report({ code: 'DOCKERFILE_DIRECTIVE', message: `the escape character is \\ or \`, not "${value}"` }, line);
  }
  return { values, escape: escapeCharacter(values) };
}

/** A misspelt directive is a comment to BuildKit, which nobody notices. */
function warnAboutSlip(name: string, report: (problem: Problem) => void): void {
  const meant = nearestWord(name, KNOWN);
  if (meant === undefined) return;
  const message = `"${name}" is no parser directive, so this line is only a comment`;
  report({ code: 'DOCKERFILE_DIRECTIVE', severity: 'warning', message, ...didYouMean(meant) });
}

/** What escapes a character in a file with these directives. */
export function escapeCharacter(directives: Readonly<Record<string, string>>): string {
  const { escape } = directives;
  return escape !== undefined && ESCAPES.includes(escape) ? escape : DEFAULT_ESCAPE;
}
