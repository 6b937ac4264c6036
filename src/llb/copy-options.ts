import type { FileOwner, UserIdentity } from './operation';

export type ChmodOutcome =
  | { readonly ok: true; readonly mode: number; readonly modeString?: string }
  | { readonly ok: false; readonly message: string };

/** How a copy is told to keep the permissions of its source. */
const keepMode = -1;
const maxMode = 0o7777;

const symbolicClause = '[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+';
const symbolicMode = new RegExp(`^${symbolicClause}(?:,${symbolicClause})*$`);

/** `--chmod`: octal digits, or the symbols of chmod(1) such as `u+rwX,go-w`. Empty keeps what the source has. */
export function parseChmod(text: string): ChmodOutcome {
  if (text === '') return { ok: true, mode: keepMode };
  if (/^[0-7]+$/.test(text)) {
    const mode = parseInt(text, 8);
    if (mode <= maxMode) return { ok: true, mode };
  }
  if (symbolicMode.test(text)) return { ok: true, mode: 0, modeString: text };
  return { ok: false, message: `--chmod=${text} is neither an octal number up to 07777 nor like u+rwX,go-w` };
}

/**
 * `--chown` and USER as the owner of files: `user[:group]`, each a number or a name. Names are looked up in the file
 * system that is input `input`. Without a group the files get the user's.
 */
export function parseOwner(text: string, input: number): FileOwner {
  const colon = text.indexOf(':');
  if (colon < 0) return { user: identity(text, input) };
  return { user: identity(text.slice(0, colon), input), group: identity(text.slice(colon + 1), input) };
}

/** The name in an owner that nothing says the number of: it is to be looked up where there are no files yet. */
export function unknownName(owner: FileOwner): string | undefined {
  const unknown = [owner.user, owner.group].find((identity) => identity && 'name' in identity && identity.input < 0);
  return unknown && 'name' in unknown ? unknown.name : undefined;
}

const maxId = 2 ** 31 - 1;

function identity(text: string, input: number): UserIdentity {
  if (text === 'root' || text === '') return { id: 0 };
  const id = Number(text);
  // Negative ids wrap around, as they do in BuildKit.
  if (/^[+-]?\d+$/.test(text) && id >= -maxId - 1 && id <= maxId) return { id: id >>> 0 };
  return { name: text, input };
}
