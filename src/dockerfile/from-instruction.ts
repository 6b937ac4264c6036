import { parseFlags } from './flags';
import { didYouMean, type Report } from './problem';
import type { Stage } from './ast';
import type { Located, Statement } from './statement';
import { splitWords } from './words';
import { nearestWord } from '../diagnostics/nearest-word';

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

/** `FROM [--platform=…] base [AS name]`: the head of a stage, its instructions still to come. */
export function parseFrom(statement: Statement, report: Report): Omit<Stage, 'index' | 'instructions'> {
  const { range, source } = statement;
  const platform = parseFlags(statement, { platform: 'text' }, report).text('platform');
  const words = splitWords(statement.rest);
  const [base, as, written] = words;
  if (words.length !== 1 && (words.length !== 3 || as?.text.toLowerCase() !== 'as'))
    reportWords(statement, words, report);
  const name = words.length === 3 && written !== undefined ? stageName(written, report) : undefined;
  return {
    base: base?.text ?? '',
    range,
    source,
    ...(name === undefined ? {} : { name }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function reportWords(statement: Statement, words: readonly Located[], report: Report): void {
  const [, second] = words;
  const code = 'DOCKERFILE_ARGUMENTS';
  if (second === undefined) {
    report({ code, message: 'FROM needs the name of an image or stage', offset: statement.keyword.offset });
    return;
  }
  const isAs = second.text.toLowerCase() === 'as';
  const message = isAs ? 'AS needs one name for the stage' : `FROM takes a base and "AS name", not "${second.text}"`;
  const hint = isAs ? {} : didYouMean(nearestWord(second.text, ['AS']));
  report({ code, message, offset: second.offset, ...hint });
}

function stageName({ text, offset }: Located, report: Report): string {
  const name = text.toLowerCase();
  if (!STAGE_NAME.test(name)) {
    const message = `"${text}" is no valid name for a stage`;
    const hint = 'a name begins with a letter and has letters, digits, "-", "_" and "." only';
    report({ code: 'DOCKERFILE_STAGE_NAME', message, hint, offset });
  }
  return name;
}
