import type { ArgInstruction, EnvInstruction, KeyValue, LabelInstruction } from './ast';
import { parseFlags } from './flags';
import { baseOf, requireArgument, warnIgnoredFlags } from './instruction-parser';
import type { Report } from './problem';
import type { Located, Statement } from './statement';
import { splitQuotedWords } from './words';

/** `ENV key=value …`, or `ENV key value` of old. */
export function parseEnv(statement: Statement, report: Report): EnvInstruction {
  return { kind: 'ENV', ...baseOf(statement), variables: parseKeyValues(statement, report) };
}

/** `LABEL key=value …`, or `LABEL key value` of old. */
export function parseLabel(statement: Statement, report: Report): LabelInstruction {
  return { kind: 'LABEL', ...baseOf(statement), labels: parseKeyValues(statement, report) };
}

/** `ARG name[=default] …` */
export function parseArg(statement: Statement, report: Report): ArgInstruction {
  warnIgnoredFlags(statement, report);
  requireArgument(statement, 'a name', report);
  const words = splitQuotedWords(statement.rest, statement.escape);
  const args = words.map((word) => {
    const equals = word.text.indexOf('=');
    if (equals < 0) return { key: word.text };
    const key = word.text.slice(0, equals);
    if (key === '') reportBlankName(statement, word, report);
    return { key, defaultValue: word.text.slice(equals + 1) };
  });
  return { kind: 'ARG', ...baseOf(statement), args };
}

function parseKeyValues(statement: Statement, report: Report): readonly KeyValue[] {
  parseFlags(statement, {}, report);
  if (!requireArgument(statement, 'at least one key=value', report)) return [];
  const words = splitQuotedWords(statement.rest, statement.escape);
  const [first] = words;
  if (first !== undefined && !first.text.includes('=')) return parseOldForm(statement, first, report);
  return words.flatMap((word) => {
    const equals = word.text.indexOf('=');
    const key = word.text.slice(0, equals);
    if (equals > 0) return [{ key, value: word.text.slice(equals + 1) }];
    if (equals === 0) reportBlankName(statement, word, report);
    else reportNoEquals(statement, word, report);
    return [];
  });
}

/** The first white space separates key and value, all that follows is the value. */
function parseOldForm(statement: Statement, first: Located, report: Report): readonly KeyValue[] {
  const { text } = statement.rest;
  const [, key = '', value = ''] = /^([^\t\v\f\r ]*)[\t\v\f\r ]+(.*)$/s.exec(text) ?? [];
  if (key !== '') return [{ key, value, noDelimiter: true }];
  reportNoEquals(statement, first, report);
  return [];
}

function reportNoEquals(statement: Statement, { text, offset }: Located, report: Report): void {
  report({
    code: 'DOCKERFILE_KEY_VALUE',
    message: `${statement.name} needs key=value, but "${text}" has no "="`,
    hint: 'put quotes around a value with spaces, and no spaces around "="',
    offset,
  });
}

function reportBlankName(statement: Statement, { text, offset }: Located, report: Report): void {
  const message = `${statement.name} needs a name before the "=" of "${text}"`;
  report({ code: 'DOCKERFILE_KEY_VALUE', message, offset });
}
