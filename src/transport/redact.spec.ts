import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redactText, redactUrl } from './redact';

test('a URL keeps what tells where it leads, and loses what opens doors', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['https://user:pass@ghcr.io/v2/', 'https://ghcr.io/v2/'],
    [
      'https://s3.example/blob?X-Amz-Signature=abc&digest=sha256:1',
      'https://s3.example/blob?X-Amz-Signature=REDACTED&digest=sha256%3A1',
    ],
    ['https://r.example/v2/a/blobs/uploads/1?_state=secret', 'https://r.example/v2/a/blobs/uploads/1?_state=REDACTED'],
    ['https://r.example/v2/a/tags/list?n=10&last=x', 'https://r.example/v2/a/tags/list?n=10&last=x'],
    ['https://r.example/#access_token=secret', 'https://r.example/'],
    ['not a url', 'REDACTED'],
  ];
  for (const [given, shown] of cases) assert.equal(redactUrl(given), shown);
});

test('a text loses credentials and whatever could rewrite a terminal', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['Authorization: Bearer abcdefgh', 'Authorization: REDACTED'],
    ['sent Basic dXNlcjpwYXNz to it', 'sent Basic REDACTED to it'],
    ['{"access_token":"secret","expires_in":3}', '{"access_token":"REDACTED","expires_in":3}'],
    ['see https://u:p@h.example/x?token=1 for more', 'see https://h.example/x?token=REDACTED for more'],
    ['red \u001b[31malert\r\nnext', 'red  [31malert next'],
    ['bidi \u202etxt.exe', 'bidi  txt.exe'],
  ];
  for (const [given, shown] of cases) assert.equal(redactText(given), shown);
});

test('no userinfo and no unknown query value survives', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9]{12,24}$/);
  fc.assert(
    fc.property(secret, secret, secret, (user, password, signature) => {
      const url = `https://${user}:${password}@registry.example/v2/x?sig=${signature}`;
      for (const shown of [redactUrl(url), redactText(`failed: ${url}`)]) {
        for (const hidden of [user, password, signature]) assert.ok(!shown.includes(hidden), shown);
      }
    }),
  );
});
