import type { ValuesOption } from './docker-build-options';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';

/** Build arguments from an object, or from a list of `KEY=value` and `KEY` (its value in the environment, if set). */
export function readBuildArgs(
  option: ValuesOption | readonly string[] | undefined,
  invocation: Invocation,
  mistakes: Mistakes,
): Readonly<Record<string, string>> {
  if (!isList(option)) return readValues(option, 'buildArgs', mistakes);
  const entries: (readonly [string, string])[] = [];
  for (const [index, text] of option.entries()) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? invocation.env[text] : text.slice(equals + 1);
    if (key === '') mistakes.add('OPTION_INVALID', `buildArgs[${index}]`, `"${text}" is not KEY=value`);
    else if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

/** Labels and the like. */
export function readValues(
  values: ValuesOption | undefined,
  option: string,
  mistakes: Mistakes,
): Readonly<Record<string, string>> {
  if (values !== undefined && '' in values) mistakes.add('OPTION_INVALID', option, 'a name is empty');
  return Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, String(value)]));
}

function isList(option: ValuesOption | readonly string[] | undefined): option is readonly string[] {
  return Array.isArray(option);
}
