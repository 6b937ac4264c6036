import type { InstructionRange } from '../dockerfile/ast';
import { processWord, processWords, type Expansion, type ExpandOptions } from '../dockerfile/expand';
import { nearestWord } from '../diagnostics/nearest-word';
import type { Environment } from './environment';
import type { Reporter } from './reporter';

export interface ExpansionContext {
  readonly env: Environment;
  readonly escape: string;
  readonly reporter: Reporter;
  readonly range: InstructionRange;
  /** Names that are no mistake although they have no value: ARGs that were declared without one. */
  readonly declared?: ReadonlySet<string>;
}

/**
 * Expands one word, with a warning for each variable that has no value. If it fails, says so and gives `fallback` (the word
 * as it stands, unless another is named): whoever checks the value names one that passes, so that one mistake is told
 * once.
 */
export function expandChecked(word: string, context: ExpansionContext, fallback = word): string {
  const expansion = processWord(word, lookup(context.env), { escape: context.escape });
  warnUnmatched(expansion.unmatched, word, context);
  return settle(expansion, fallback, { context, word });
}

/** Expands and splits at white space; no words if that fails, which is said. */
export function expandToWords(text: string, context: ExpansionContext): readonly string[] {
  const expansion = processWords(text, lookup(context.env), { escape: context.escape });
  return settle(expansion, [], { context, word: text });
}

/** Expands the content of a here-document, where quotes mean nothing and a backslash always escapes. */
export function expandHeredoc(content: string, context: ExpansionContext): string {
  const expansion = processWord(content, lookup(context.env), { skipProcessQuotes: true });
  warnUnmatched(expansion.unmatched, content, context);
  return settle(expansion, content, { context, word: '' });
}

/** Expands for display: what cannot be expanded is shown as written. */
export function expandForDisplay(text: string, env: Environment, options: ExpandOptions): string {
  const expansion = processWord(text, lookup(env), options);
  return expansion.kind === 'expanded' ? expansion.value : text;
}

function lookup(env: Environment): (name: string) => string | undefined {
  return (name) => env.get(name);
}

function settle<T>(
  expansion: Expansion<T>,
  fallback: T,
  { context, word }: { readonly context: ExpansionContext; readonly word: string },
): T {
  if (expansion.kind === 'expanded') return expansion.value;
  context.reporter.error({
    code: 'DOCKERFILE_EXPANSION',
    message: `cannot expand ${word === '' ? 'the here-document' : `"${word}"`}: ${expansion.message}`,
    range: context.range,
    near: word,
  });
  return fallback;
}

function warnUnmatched(unmatched: ReadonlySet<string>, text: string, context: ExpansionContext): void {
  for (const name of unmatched) {
    if (context.declared?.has(name) || hasFallback(text, name)) continue;
    const near = nearestWord(name, context.env.keys());
    context.reporter.warning({
      code: 'DOCKERFILE_UNDEFINED_VARIABLE',
      message: `the variable $${name} is not defined`,
      hint: near === undefined ? `declare it with ARG ${name} in this stage` : `did you mean $${near}?`,
      range: context.range,
      near: name,
    });
  }
}

/** Whether `text` says what happens where `name` has no value, as `${name:-value}` does. */
function hasFallback(text: string, name: string): boolean {
  return ['-', ':-', '+', ':+', '?', ':?'].some((operator) => text.includes(`\${${name}${operator}`));
}
