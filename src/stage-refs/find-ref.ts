import type { CallOptions, ContentStore } from '../content/contract';
import type { Reference } from '../oci/reference';
import type { RefSignatures, VerifyMode } from './contract';
import { findImage, type FoundImage } from './find-image';

/** One repository of refs. */
export interface RefPlace {
  readonly reference: Reference;
  readonly store: ContentStore;
}

export type FoundRef =
  | (Extract<FoundImage, { readonly kind: 'found' }> & { readonly place: RefPlace })
  /** `unsigned`: it is there, but nobody whose word counts has signed it. */
  | { readonly kind: 'missing' | 'broken' | 'unsigned' };

export interface FindRefOptions extends CallOptions {
  readonly verify: VerifyMode;
  readonly signatures: RefSignatures | undefined;
}

/**
 * Looks for a tag in one place after the other; the first that has it, whole and signed where signatures are asked for,
 * wins. Places behind the first may be missing or closed: they are only an addition.
 */
export async function findRef(
  places: readonly RefPlace[],
  tag: string,
  { signatures, verify, ...call }: FindRefOptions,
): Promise<FoundRef> {
  let kind: 'missing' | 'broken' | 'unsigned' = 'missing';
  for (const [index, place] of places.entries()) {
    try {
      const found = await findImage(place.store, tag, { verify, ...call });
      if (found.kind === 'missing') continue;
      if (found.kind === 'broken') kind = 'broken';
      else if (!signatures || (await signatures.accepts(place.store, tag, found.descriptor.digest, call))) {
        return { ...found, place };
      } else kind = 'unsigned';
    } catch (error) {
      call.signal?.throwIfAborted();
      if (index === 0) throw error;
    }
  }
  return { kind };
}
