import type { Diagnostic } from '../diagnostics/diagnostic';
import { nearestWord } from '../diagnostics/nearest-word';

/** The codes of what can be wrong with options; docs/errors.md explains each. */
export type OptionCode =
  | 'OPTION_INVALID'
  | 'OPTION_UNKNOWN_WORD'
  | 'OPTION_UNKNOWN_TOKEN'
  | 'OPTION_CONFLICT'
  | 'OPTION_MISSING'
  | 'OPTION_FILE_NOT_FOUND'
  | 'OPTION_NOT_SUPPORTED'
  | 'OPTION_PROJECT_IMAGE';

/** Gathers everything that is wrong with the options, so that the user sees it at once. */
export class Mistakes {
  readonly #diagnostics: Diagnostic[] = [];

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics;
  }

  /** `option` says where, such as `cacheTo[0]`. */
  add(code: OptionCode, option: string, message: string, hint?: string): void {
    const location = { file: option };
    this.#diagnostics.push({ code, severity: 'error', message, location, ...(hint === undefined ? {} : { hint }) });
  }

  /** Takes over what the parser of another room found. */
  addAll(diagnostics: readonly Diagnostic[]): void {
    this.#diagnostics.push(...diagnostics);
  }

  /** A word that is none of `known`, with the nearest of them as the hint. */
  addUnknownWord(option: string, what: string, word: string, known: readonly string[]): void {
    const nearest = nearestWord(word, known);
    const hint = nearest === undefined ? `one of ${known.join(', ')}` : `did you mean "${nearest}"?`;
    this.add('OPTION_UNKNOWN_WORD', option, `unknown ${what} "${word}"`, hint);
  }
}
