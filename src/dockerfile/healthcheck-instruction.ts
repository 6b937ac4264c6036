import type { HealthcheckInstruction } from './ast';
import { parseCommandLine } from './command-line';
import { parseDuration } from './duration';
import { parseFlags, type Flags } from './flags';
import { baseOf, requireArgument } from './instruction-parser';
import type { Problem, Report } from './problem';
import type { Located, Statement } from './statement';
import { isSpace, trimSpaceStart } from './white-space';

const MIN_DURATION_NS = 1e6;
const MAX_RETRIES = 2 ** 31 - 1;

/** `HEALTHCHECK [--interval=…] … CMD command`, or `HEALTHCHECK NONE`. Durations of zero count as not given. */
export function parseHealthcheck(statement: Statement, report: Report): HealthcheckInstruction {
  const flags = parseFlags(
    statement,
    { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' },
    report,
  );
  const base = { kind: 'HEALTHCHECK', ...baseOf(statement) } as const;
  if (!requireArgument(statement, 'NONE or CMD', report)) return base;
  const { word, rest } = cutWord(statement.rest);
  const complain = (message: string, located: Located, hint?: Pick<Problem, 'hint'>): void => {
    report({ code: 'DOCKERFILE_HEALTHCHECK', message, offset: located.offset, ...hint });
  };
  switch (word.text.toUpperCase()) {
    case 'NONE':
      if (rest.text !== '') complain('HEALTHCHECK NONE takes no arguments', rest);
      return base;
    case 'CMD': {
      const command = parseCommandLine(statement, rest, report);
      const empty = command.form === 'exec' ? command.args.length === 0 : command.script === '';
      if (empty) complain('HEALTHCHECK CMD needs a command', word);
      return { ...base, command, ...parseTimes(flags, complain) };
    }
    default:
      complain(`HEALTHCHECK takes NONE or CMD, not "${word.text}"`, word, { hint: 'put CMD before the command' });
      return base;
  }
}

type Complain = (message: string, located: Located) => void;

type Times = Omit<HealthcheckInstruction, 'kind' | 'range' | 'source' | 'command'>;

function parseTimes(flags: Flags, complain: Complain): Times {
  const times: Record<string, number> = {};
  for (const [flag, field] of [
    ['interval', 'intervalNs'],
    ['timeout', 'timeoutNs'],
    ['start-period', 'startPeriodNs'],
    ['start-interval', 'startIntervalNs'],
  ] as const satisfies readonly (readonly [string, keyof Times])[]) {
    const value = flags.located(flag);
    if (value === undefined || value.text === '') continue;
    const durationNs = parseDuration(value.text);
    if (durationNs === undefined) complain(`"${value.text}" is no duration, such as 30s or 1m30s`, value);
    else if (durationNs !== 0 && durationNs < MIN_DURATION_NS) complain(`--${flag} is at least 1ms`, value);
    else if (durationNs !== 0) times[field] = durationNs;
  }
  const retries = flags.located('retries');
  if (retries !== undefined && retries.text !== '') {
    const count = /^\+?\d+$/.test(retries.text) ? Number(retries.text) : undefined;
    if (count === undefined || count > MAX_RETRIES) complain('--retries is a number from 0', retries);
    else times['retries'] = count;
  }
  return times;
}

function cutWord({ text, offset }: Located): { readonly word: Located; readonly rest: Located } {
  let end = 0;
  while (end < text.length && !isSpace(text.charAt(end))) end++;
  const rest = trimSpaceStart(text.slice(end));
  return {
    word: { text: text.slice(0, end), offset },
    rest: { text: rest, offset: offset + text.length - rest.length },
  };
}
