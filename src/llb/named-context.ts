import { formatFamiliar, tryParseReference } from '../oci/reference';
import type { Platform } from '../oci/platform';
import { formatPlatform } from '../oci/platform';
import type { NamedContext } from './conversion';

/** Names that never stand for a named context. */
const reservedNames: ReadonlySet<string> = new Set(['scratch', 'context']);

/** A named context under the name that the request gives it. */
export interface KnownContext {
  readonly key: string;
  readonly context: NamedContext;
}

export interface FoundContext extends KnownContext {
  /** As BuildKit shows it: normalised. */
  readonly name: string;
}

/**
 * One spelling for all that name the same: `docker.io/library/alpine:latest` and `alpine` are `alpine`. What is no image
 * reference stays as it is, but for a `::platform` at its end.
 */
export function normalizeContextName(name: string): string {
  const [plain = '', platform] = name.split('::', 2);
  const parsed = tryParseReference(plain);
  const familiar = parsed.ok ? formatFamiliar(parsed.reference).replace(/:latest$/, '') : plain;
  return platform === undefined ? familiar : `${familiar}::${platform}`;
}

/** The named context that stands for the image or stage `name`; one for `platform` alone wins. */
export function findNamedContext(
  name: string,
  options: { readonly contexts: ReadonlyMap<string, KnownContext>; readonly platform: Platform },
): FoundContext | undefined {
  if (reservedNames.has(name.toLowerCase())) return undefined;
  const plain = normalizeContextName(name);
  for (const candidate of [`${plain}::${formatPlatform(options.platform)}`, plain]) {
    const known = options.contexts.get(candidate);
    if (known !== undefined) return { ...known, name: candidate };
  }
  return undefined;
}
