import { nearestWord } from '../diagnostics/nearest-word';
import { didYouMean, type Report } from './problem';
import type { Located, Statement } from './statement';

/** A flag takes a text once, any number of texts, or is a switch (`--link`, `--link=false`). */
export type FlagKind = 'text' | 'texts' | 'switch';

/** The flags that an instruction was given; values are unexpanded. */
export class Flags {
  readonly #values = new Map<string, Located[]>();

  add(name: string, value: Located): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of a flag that is given at most once. An empty one counts as not given, as BuildKit has it. */
  text(name: string): string | undefined {
    const text = this.located(name)?.text;
    return text === '' ? undefined : text;
  }

  /** The value with its place; empty ones included. */
  located(name: string): Located | undefined {
    return this.#values.get(name)?.[0];
  }

  all(name: string): readonly Located[] {
    return this.#values.get(name) ?? [];
  }

  /** The value of a switch; undefined where it is not given. */
  switched(name: string): boolean | undefined {
    const value = this.located(name);
    return value === undefined ? undefined : value.text.toLowerCase() !== 'false';
  }
}

/** Reads the flags of a statement; `known` is what the instruction takes, names without dashes. */
export function parseFlags(statement: Statement, known: Readonly<Record<string, FlagKind>>, report: Report): Flags {
  const flags = new Flags();
  for (const { text, offset } of statement.flags) {
    const equals = text.indexOf('=');
    const written = equals < 0 ? text : text.slice(0, equals);
    const name = written.slice('--'.length);
    const value = equals < 0 ? undefined : { text: text.slice(equals + 1), offset: offset + equals + 1 };
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      const meant = nearestWord(name, Object.keys(known));
      const hint = didYouMean(meant === undefined ? undefined : `--${meant}`);
      report({
        code: 'DOCKERFILE_UNKNOWN_FLAG',
        message: `${statement.name} has no flag "${written}"`,
        offset,
        ...hint,
      });
    } else if (kind !== 'texts' && flags.has(name)) {
      report({ code: 'DOCKERFILE_DUPLICATE_FLAG', message: `the flag "${written}" is given twice`, offset });
    } else if (kind === 'switch' ? !isSwitchValue(value?.text) : value === undefined) {
      report({ code: 'DOCKERFILE_FLAG_VALUE', message: valueMessage(written, kind), offset });
    } else {
      flags.add(name, value ?? { text: 'true', offset });
    }
  }
  return flags;
}

function isSwitchValue(text: string | undefined): boolean {
  return text === undefined || /^(?:true|false)$/i.test(text);
}

function valueMessage(flag: string, kind: FlagKind): string {
  return kind === 'switch' ? `the flag "${flag}" is either true or false` : `the flag "${flag}" needs a value`;
}
