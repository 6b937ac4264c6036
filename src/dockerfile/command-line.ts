import type { CommandLine } from './ast';
import { parseJsonArray } from './json-array';
import type { Report } from './problem';
import type { Located, Statement } from './statement';

/** Reads what RUN, CMD, ENTRYPOINT and HEALTHCHECK run: an array in JSON, or else a line for the shell. */
export function parseCommandLine(statement: Statement, { text, offset }: Located, report: Report): CommandLine {
  const array = parseJsonArray(text);
  switch (array.kind) {
    case 'strings':
      return { form: 'exec', args: array.items };
    case 'other-items':
      reportOtherItems(statement, offset, report);
      return { form: 'exec', args: [] };
    case 'none':
      return { form: 'shell', script: text, heredocs: statement.heredocs };
  }
}

/** Complains about an array that is not of strings alone. */
export function reportOtherItems(statement: Statement, offset: number, report: Report): void {
  report({
    code: 'DOCKERFILE_JSON',
    message: `the array of ${statement.name} must hold strings only`,
    hint: 'put every item in double quotes',
    offset,
  });
}
