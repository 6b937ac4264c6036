import { isSpace } from './white-space';

/** Puts words together from text that splits at white space and text that does not. */
export class WordCollector {
  readonly #words: string[] = [];
  #current = '';

  /** Adds text whose white space separates words. */
  addSplit(text: string): void {
    for (const character of text) {
      if (isSpace(character)) this.#finish();
      else this.#current += character;
    }
  }

  /** Adds text that belongs to the current word as a whole. */
  addWhole(text: string): void {
    this.#current += text;
  }

  /** The words so far, the current one included. */
  words(): string[] {
    this.#finish();
    return this.#words;
  }

  #finish(): void {
    if (this.#current !== '') this.#words.push(this.#current);
    this.#current = '';
  }
}
