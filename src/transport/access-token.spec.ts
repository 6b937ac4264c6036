import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryOf } from './access-token';

const now = 1_000_000_000;

function jwt(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
}

const cases: readonly (readonly [name: string, token: string, expiresIn: unknown, seconds: number])[] = [
  ['the stated lifetime, less a tenth', 'opaque', 300, 270],
  ['at most a minute less', 'opaque', 3600, 3540],
  ['a minute where nothing is stated', 'opaque', undefined, 54],
  ['nonsense counts as nothing', 'opaque', 'forever', 54],
  ['a JWT without a stated lifetime', jwt({ iat: 5, exp: 305 }), undefined, 270],
  ['a JWT without iat', jwt({ exp: now / 1000 + 300 }), undefined, 270],
  ['the sooner of both', jwt({ iat: 5, exp: 65 }), 300, 54],
  ['a JWT that has expired', jwt({ exp: 1 }), undefined, 0],
  ['a JWT that is none', 'a.b.c', 100, 90],
];
for (const [name, token, expiresIn, seconds] of cases) {
  test(`a token is used for: ${name}`, () => assert.equal(expiryOf(token, expiresIn, now), now + seconds * 1000));
}
