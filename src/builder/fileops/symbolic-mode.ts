import { fileError } from './file-error';

/** Turns the mode of a file into its new one. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const setUid = 0o4000;
const setGid = 0o2000;
const sticky = 0o1000;
const everyone = setUid | setGid | 0o777;
const classBits: Readonly<Record<string, number>> = { u: setUid | 0o700, g: setGid | 0o070, o: 0o007, a: everyone };
const classShift: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

type Step = (mode: number, original: number, isDirectory: boolean) => number;

/**
 * A `--chmod` value: octal (`0755`) or symbolic (`u+rwX,go=u-w`), as chmod(1) and BSD's setmode(3) have it, with a umask
 * of 0. `X` counts for directories and for what was executable before the whole change. Throws
 * `FILE_OPERATION_FAILED` (`bad-mode`) for anything else.
 */
export function parseModeChange(text: string): ModeChange {
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = parseInt(text, 8);
    if (mode > 0o7777) throw badMode(text);
    return () => mode;
  }
  const steps = text.split(',').flatMap((clause) => parseClause(clause, text));
  return (mode, isDirectory) => steps.reduce((current, step) => step(current, mode, isDirectory), mode);
}

/** One clause: whom it is for, then one or more of `+`, `-`, `=` with permissions. */
function parseClause(clause: string, text: string): readonly Step[] {
  const match = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
  if (!match) throw badMode(text);
  const [, classes = '', changes = ''] = match;
  const named = [...new Set(classes)].reduce((bits, name) => bits | (classBits[name] ?? 0), 0);
  return [...changes.matchAll(/([-+=])([rwxXstugo]*)/g)].map(([, operator = '', permissions = '']) =>
    parseChange(operator, permissions, named),
  );
}

/** What one operator does, all of it worked out from the mode as it was before this operator. */
function parseChange(operator: string, permissions: string, named: number): Step {
  // Without a class, everybody is meant, and the sticky bit may be named.
  const affected = named === 0 ? everyone : named;
  const takesSpecial = named !== classBits.o;
  let literal = 0;
  for (const letter of permissions) literal |= letterBits(letter, affected, takesSpecial);
  const copied = Array.from(permissions).filter((letter) => letter in classShift);
  const executeIfAny = permissions.includes('X') ? 0o111 & affected : 0;
  return (mode, original, isDirectory) => {
    let bits = literal;
    for (const source of copied) bits |= spread(mode, source) & affected;
    if (operator === '-' || isDirectory || (original & 0o111) !== 0) bits |= executeIfAny;
    if (operator === '+') return mode | bits;
    return operator === '-' ? mode & ~bits : (mode & ~(affected | (bits & sticky))) | bits;
  };
}

function letterBits(letter: string, affected: number, takesSpecial: boolean): number {
  switch (letter) {
    case 'r':
      return 0o444 & affected;
    case 'w':
      return 0o222 & affected;
    case 'x':
      return 0o111 & affected;
    case 's':
      return takesSpecial ? (setUid | setGid) & affected : 0;
    case 't':
      return takesSpecial ? sticky : 0;
    default:
      return 0;
  }
}

/** The permissions of one class, given to all three: for `g=u` and the like. */
function spread(mode: number, source: string): number {
  const held = (mode >> (classShift[source] ?? 0)) & 0o7;
  return (held << 6) | (held << 3) | held;
}

function badMode(text: string): Error {
  const hint = 'use octal digits such as 0755, or symbols such as u=rwX,go=rX';
  return fileError('bad-mode', '', `${JSON.stringify(text)} is not a file mode`, { hint });
}
