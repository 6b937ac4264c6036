import type { CallOptions } from '../content/contract';
import type { CacheSource } from '../engine/contract';
import type { StageRefSettings } from './contract';
import { findRef } from './find-ref';
import type { ProbeSession } from './probe-session';
import { pinnedSource } from './ref-writing';

/** The caches of branches that are there. One that cannot be read is as good as none. */
export async function findScopes(
  session: ProbeSession,
  settings: StageRefSettings,
  call: CallOptions,
): Promise<readonly CacheSource[]> {
  const { scopes, signatures } = settings;
  const found = await Promise.all(
    scopes.map(async (reference): Promise<readonly CacheSource[]> => {
      const place = { reference, store: session.registries.repository(reference) };
      try {
        const ref = await findRef([place], reference.tag ?? '', { verify: 'none', signatures, ...call });
        return ref.kind === 'found' ? [pinnedSource(reference, ref.descriptor.digest, settings)] : [];
      } catch {
        call.signal?.throwIfAborted();
        return [];
      }
    }),
  );
  return found.flat();
}
