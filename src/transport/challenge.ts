/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1). Scheme and keys are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Characters of a header that are looked at. Real ones have a few hundred. */
const maxHeaderLength = 8192;

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const schemePattern = new RegExp(`[\\s,]*(${token})(?=[\\s,]|$)`, 'y');
const parameterPattern = new RegExp(`[\\s,]*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]*))`, 'y');
/** What a scheme may carry instead of parameters; a value behind the `=` makes it a parameter. */
const token68Pattern = /\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;

/**
 * Reads the challenges of a header. What follows something unreadable is dropped. The first of two equal parameters
 * wins, so that nothing behind it can redefine a realm.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, maxHeaderLength);
  const challenges: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    position = pattern.lastIndex;
    return match;
  };
  for (let scheme = take(schemePattern); scheme !== undefined; scheme = take(schemePattern)) {
    const parameters = new Map<string, string>();
    const readParameter = (): RegExpExecArray | undefined => take(parameterPattern);
    take(token68Pattern);
    for (let parameter = readParameter(); parameter !== undefined; parameter = readParameter()) {
      const [, key = '', quoted, plain = ''] = parameter;
      const name = key.toLowerCase();
      if (!parameters.has(name)) parameters.set(name, quoted?.replace(/\\(.)/g, '$1') ?? plain);
    }
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters });
  }
  return challenges;
}
