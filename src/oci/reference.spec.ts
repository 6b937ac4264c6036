import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCodedError } from '../diagnostics/coded-error';
import { digestOf } from './digest';
import {
  formatFamiliar,
  formatReference,
  formatRepository,
  isTag,
  parseReference,
  tryParseReference,
  withDefaultTag,
  withDigest,
  withTag,
  type Reference,
} from './reference';

const digest = digestOf('x');

const accepted: readonly (readonly [text: string, full: string, familiar: string])[] = [
  ['alpine', 'docker.io/library/alpine', 'alpine'],
  ['alpine:3.20', 'docker.io/library/alpine:3.20', 'alpine:3.20'],
  ['acme/app', 'docker.io/acme/app', 'acme/app'],
  ['docker.io/alpine', 'docker.io/library/alpine', 'alpine'],
  ['index.docker.io/library/alpine:1', 'docker.io/library/alpine:1', 'alpine:1'],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:1', 'localhost:5000/app:1', 'localhost:5000/app:1'],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
  ['[::1]:5000/a/b', '[::1]:5000/a/b', '[::1]:5000/a/b'],
  ['[2001:db8::1]/a', '[2001:db8::1]/a', '[2001:db8::1]/a'],
  ['ghcr.io/acme/a__b/c-d.e--f:v1', 'ghcr.io/acme/a__b/c-d.e--f:v1', 'ghcr.io/acme/a__b/c-d.e--f:v1'],
  [`alpine@${digest}`, `docker.io/library/alpine@${digest}`, `alpine@${digest}`],
  [`r.io:80/a:t@${digest}`, `r.io:80/a:t@${digest}`, `r.io:80/a:t@${digest}`],
  ['Host/app', 'Host/app', 'Host/app'],
  ['docker.io/r.io/app', 'docker.io/r.io/app', 'docker.io/r.io/app'],
  ['docker.io/library/localhost/app', 'docker.io/library/localhost/app', 'library/localhost/app'],
  [`docker.io/library/${'a'.repeat(64)}`, `docker.io/library/${'a'.repeat(64)}`, `library/${'a'.repeat(64)}`],
];

for (const [text, full, familiar] of accepted) {
  test(`the reference ${text} is ${full}`, () => {
    const reference = parseReference(text);
    assert.equal(formatReference(reference), full);
    assert.equal(formatFamiliar(reference), familiar);
    assert.deepEqual(parseReference(familiar), reference);
  });
}

const refused: readonly (readonly [text: string, reason: RegExp])[] = [
  ['', /empty/],
  ['a b', /white space/],
  ['https://ghcr.io/a', /URL scheme/],
  ['Alpine', /lower case \("alpine"\)/],
  ['ghcr.io/Acme/app', /lower case \("acme"\)/],
  ['a:', /tag is empty/],
  ['a:-x', /does not start with/],
  [`a:${'t'.repeat(129)}`, /longer than 128/],
  [`ghcr.io/${'a'.repeat(256)}`, /longer than 255/],
  ['a@sha256:abc', /not a sha256 or sha512 digest/],
  [`a@${digest.toUpperCase()}`, /not a sha256 or sha512 digest/],
  [`a@${digest}/../x`, /not a sha256 or sha512 digest/],
  ['a//b', /empty path component/],
  ['a/', /empty path component/],
  ['ghcr.io/', /repository is missing/],
  ['a/../b', /not a repository path component/],
  ['a/b_-c', /not a repository path component/],
  ['-x.io/a', /not a host name/],
  ['r.io:/a', /not a port/],
  ['r.io:70000/a', /not a port/],
  ['[::1%eth0]:5000/a', /not a host name/],
  ['[nope]/a', /not a repository path component/],
  ['f'.repeat(64), /image IDs/],
];

for (const [text, reason] of refused) {
  test(`the reference ${JSON.stringify(text.slice(0, 40))} is refused`, () => {
    const result = tryParseReference(text);
    assert.ok(!result.ok);
    assert.match(result.reason, reason);
    assert.throws(
      () => parseReference(text),
      (error) => isCodedError(error, 'INVALID_REFERENCE'),
    );
  });
}

test('an error never repeats credentials or control characters', () => {
  for (const text of ['https://me:hunter2@ghcr.io/a', 'me:hunter2@ghcr.io/a', 'ghcr.io/a\u001b[31m']) {
    assert.throws(
      () => parseReference(text),
      (error: Error) => !error.message.includes('hunter2') && !error.message.includes('\u001b'),
    );
  }
});

test('a tag and a digest replace what stood there', () => {
  const pinned = withDigest(parseReference('ghcr.io/a:1'), digest);
  assert.equal(formatReference(pinned), `ghcr.io/a:1@${digest}`);
  assert.equal(formatReference(withTag(pinned, '2')), 'ghcr.io/a:2');
  assert.equal(formatReference(withDefaultTag(parseReference('ghcr.io/a'))), 'ghcr.io/a:latest');
  assert.equal(withDefaultTag(pinned), pinned);
  assert.equal(formatRepository(pinned), 'ghcr.io/a');
  assert.throws(
    () => withTag(pinned, 'a/b'),
    (error) => isCodedError(error, 'INVALID_REFERENCE'),
  );
});

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const component = fc
  .tuple(word, fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '--'), word), { maxLength: 2 }))
  .map(([first, rest]) => first + rest.map((pair) => pair.join('')).join(''));
const host = fc.constantFrom(
  'docker.io',
  'ghcr.io',
  'localhost',
  'localhost:5000',
  '[::1]:443',
  '127.0.0.1:5000',
  'r-1.example.com',
);
const reference: fc.Arbitrary<Reference> = fc
  .record(
    {
      host,
      repository: fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/')),
      tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/),
      digest: fc.string().map((text) => digestOf(text)),
    },
    { requiredKeys: ['host', 'repository'], noNullPrototype: true },
  )
  .map((record) => record as Reference);

test('every reference survives printing and parsing, in full and in short', () => {
  fc.assert(
    fc.property(reference, (original) => {
      assert.deepEqual(parseReference(formatReference(original)), original);
      assert.deepEqual(parseReference(formatFamiliar(original)), original);
    }),
  );
});

test('any text is either refused with a reason or prints to something that parses to the same', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'aZ0.:/@[]_-'.split('')), maxLength: 24 }));
  fc.assert(
    fc.property(text, (input) => {
      const result = tryParseReference(input);
      if (!result.ok) assert.notEqual(result.reason, '');
      else assert.deepEqual(parseReference(formatReference(result.reference)), result.reference);
    }),
    { numRuns: 1000 },
  );
});

test('tags follow the grammar of the distribution specification', () => {
  assert.ok(isTag('_a.B-9'));
  assert.ok(!isTag(''));
  assert.ok(!isTag('a'.repeat(129)));
  assert.ok(!isTag('a\n'));
});
