import { createHmac } from 'node:crypto';
import type { CallOptions, ContentStore } from '../content/contract';
import type { Digest } from '../oci/digest';
import type { RefSignatures } from './contract';

/** Changes whenever the meaning of a signature does. */
const signatureFormat = 'nx-registry-cache/ref-signature/1';

/** 128 bits. */
const signatureCharacters = 32;

/** A tag that signs another one: `<tag>.<signature>`. */
const signaturePattern = /^(?<tag>.+)\.[0-9a-f]{32}$/;

/** The tag that a tag signs; undefined for one that is no signature. */
export function signedTag(tag: string): string | undefined {
  return signaturePattern.exec(tag)?.groups?.['tag'];
}

/**
 * Signatures as tags: `<tag>.<HMAC-SHA256 over format, tag and digest>`, pointing at the manifest that they sign. So a
 * signature costs no blob, goes wherever the registry's tags go, and is checked by asking for one tag. It binds a manifest
 * to the tag, which is the key of what it caches: under another tag the same manifest has no signature.
 */
export class HmacSignatures implements RefSignatures {
  readonly #secrets: readonly string[];

  /** The first secret signs, all are accepted: so secrets can be changed one after the other. Not empty. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  async accepts(store: ContentStore, tag: string, digest: Digest, options: CallOptions): Promise<boolean> {
    for (const secret of this.#secrets) {
      const found = await store.resolve(signatureTag(secret, tag, digest), options);
      if (found?.digest === digest) return true;
    }
    return false;
  }

  async sign(store: ContentStore, tag: string, digest: Digest, options: CallOptions): Promise<boolean> {
    const [secret = ''] = this.#secrets;
    const stored = await store.getManifest(digest, options);
    if (stored === undefined) return false;
    const { bytes, descriptor } = stored;
    const signature = signatureTag(secret, tag, digest);
    await store.putManifest({ mediaType: descriptor.mediaType, bytes }, { ...options, tag: signature });
    return true;
  }
}

function signatureTag(secret: string, tag: string, digest: Digest): string {
  const hmac = createHmac('sha256', secret);
  for (const field of [signatureFormat, tag, digest]) hmac.update(`${Buffer.byteLength(field)}:${field}`);
  return `${tag}.${hmac.digest('hex').slice(0, signatureCharacters)}`;
}
