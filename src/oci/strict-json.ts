/** Levels of nesting that any document of ours may have. */
export const maxJsonDepth = 128;

export type JsonResult =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

/**
 * Parses JSON from someone who may mean harm. Beyond `JSON.parse`, it refuses what two readers could understand in
 * two ways: invalid UTF-8, a byte order mark, a key that stands twice in one object, the key `__proto__`, and nesting
 * deeper than {@link maxJsonDepth}. Linear time.
 */
export function parseStrictJson(bytes: Uint8Array, options: { readonly maxBytes: number }): JsonResult {
  if (bytes.byteLength > options.maxBytes) {
    return { ok: false, reason: `it has ${bytes.byteLength} bytes, more than ${options.maxBytes}` };
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { ok: false, reason: 'it is not UTF-8' };
  }
  // Depth first: the scan is a loop, while nothing promises that the parser is not recursive.
  const problem = findKeyProblem(text);
  if (problem?.kind === 'depth') return { ok: false, reason: problem.reason };
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'it is not JSON' };
  }
  return problem === undefined ? { ok: true, value } : { ok: false, reason: problem.reason };
}

interface KeyProblem {
  readonly kind: 'depth' | 'key';
  readonly reason: string;
}

/** Walks the tokens of `text`, which need not be valid JSON: then the answer does not matter. */
function findKeyProblem(text: string): KeyProblem | undefined {
  const open: (Set<string> | undefined)[] = [];
  let problem: KeyProblem | undefined;
  for (let position = 0; position < text.length; position++) {
    switch (text.charCodeAt(position)) {
      case openBrace:
      case openBracket:
        open.push(text.charCodeAt(position) === openBrace ? new Set() : undefined);
        if (open.length > maxJsonDepth) return { kind: 'depth', reason: `it nests deeper than ${maxJsonDepth} levels` };
        break;
      case closeBrace:
      case closeBracket:
        open.pop();
        break;
      case quote: {
        const end = endOfString(text, position);
        const keys = open.at(-1);
        if (keys !== undefined && isFollowedByColon(text, end)) {
          const key = decodeString(text.slice(position, end));
          if (key === '__proto__') problem ??= { kind: 'key', reason: 'it has a key "__proto__"' };
          else if (keys.has(key)) problem ??= { kind: 'key', reason: `its key ${shortJson(key)} stands twice` };
          keys.add(key);
        }
        position = end - 1;
        break;
      }
    }
  }
  return problem;
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** The position after the closing quote. */
function endOfString(text: string, start: number): number {
  let position = start + 1;
  while (position < text.length && text.charCodeAt(position) !== quote) {
    position += text.charCodeAt(position) === backslash ? 2 : 1;
  }
  return Math.min(position + 1, text.length);
}

function isFollowedByColon(text: string, start: number): boolean {
  let position = start;
  while (position < text.length && ' \t\r\n'.includes(text.charAt(position))) position++;
  return text.charCodeAt(position) === colon;
}

function decodeString(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
}

function shortJson(text: string): string {
  return JSON.stringify(text.length <= 64 ? text : `${text.slice(0, 64)}…`);
}
