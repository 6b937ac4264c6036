import { createHash, timingSafeEqual } from 'node:crypto';

export interface BasicCredentials {
  readonly username: string;
  readonly password: string;
}

/** Whether an `Authorization` header carries these credentials. Takes the same time for every wrong one. */
export function isAuthorized(header: string | undefined, expected: BasicCredentials): boolean {
  const given = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1] ?? '';
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = `${expected.username}:${expected.password}`;
  return timingSafeEqual(hash(Buffer.from(given, 'base64').toString('utf8')), hash(wanted));
}
