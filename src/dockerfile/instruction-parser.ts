import type { Instruction } from './ast';
import type { Report } from './problem';
import type { Statement } from './statement';

/**
 * Makes an instruction of a statement. Reports all that is wrong and still gives the instruction as well as it can; the
 * caller drops it if there was an error.
 */
export type InstructionParser = (statement: Statement, report: Report) => Instruction | undefined;

/** What all instructions have in common. */
export function baseOf({ range, source }: Statement): Pick<Instruction, 'range' | 'source'> {
  return { range, source };
}

/** Complains if an instruction that needs arguments has none. Tells whether it has some. */
export function requireArgument(statement: Statement, what: string, report: Report): boolean {
  if (statement.rest.text !== '') return true;
  report({
    code: 'DOCKERFILE_ARGUMENTS',
    message: `${statement.name} needs ${what}`,
    offset: statement.keyword.offset,
  });
  return false;
}

/** Warns about flags of an instruction whose flags BuildKit drops unread. */
export function warnIgnoredFlags(statement: Statement, report: Report): void {
  for (const { text, offset } of statement.flags) {
    const message = `${statement.name} takes no flags: "${text}" is ignored`;
    report({ code: 'DOCKERFILE_FLAG_IGNORED', severity: 'warning', message, offset });
  }
}
