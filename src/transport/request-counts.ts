const pathPattern = /^\/v2\/.+\/(blobs|manifests|tags|referrers)\/(?:uploads\/)?[^/]*$/;
const nouns: Readonly<Record<string, string>> = { blobs: 'blob', manifests: 'manifest' };

/** A request in two words: `HEAD manifest`, `PUT blob`, `GET tags`; `GET other` for what is no distribution API. */
export function requestKind(method: string, pathname: string): string {
  if (/^\/v2\/?$/.test(pathname)) return `${method} base`;
  const part = pathPattern.exec(pathname)?.[1];
  return `${method} ${part === undefined ? 'other' : (nouns[part] ?? part)}`;
}

/** How many requests of each {@link requestKind} there were. */
export class RequestCounts {
  readonly #byKind = new Map<string, number>();

  add(kind: string): void {
    this.#byKind.set(kind, (this.#byKind.get(kind) ?? 0) + 1);
  }

  report(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#byKind].sort(([left], [right]) => (left < right ? -1 : 1)));
  }
}
