import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from './challenge';

const cases: readonly (readonly [header: string, expected: readonly (readonly [string, Record<string, string>])[]])[] =
  [
    [
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
      [
        [
          'bearer',
          { realm: 'https://auth.example/token', service: 'registry.example', scope: 'repository:a/b:pull,push' },
        ],
      ],
    ],
    ['Basic realm="Registry \\"one\\""', [['basic', { realm: 'Registry "one"' }]]],
    ['Basic', [['basic', {}]]],
    [
      'Negotiate, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    [
      'Negotiate dG9rZW4=, bearer Realm = "y"',
      [
        ['negotiate', {}],
        ['bearer', { realm: 'y' }],
      ],
    ],
    ['Bearer realm="first",realm="second"', [['bearer', { realm: 'first' }]]],
    ['', []],
    ['="', []],
  ];

for (const [header, expected] of cases) {
  test(`the challenges of ${JSON.stringify(header)}`, () => {
    const actual = parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
    assert.deepEqual(actual, expected);
  });
}

test('quoted values come back as they were', () => {
  const value = fc.string({ unit: 'grapheme-ascii' });
  fc.assert(
    fc.property(value, value, (realm, service) => {
      const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
      const [challenge] = parseChallenges(`Bearer realm=${quote(realm)}, service=${quote(service)}`);
      assert.deepEqual(Object.fromEntries(challenge?.parameters ?? []), { realm, service });
    }),
  );
});

test('any text is read in no time', () => {
  fc.assert(fc.property(fc.string(), (header) => void parseChallenges(header)));
  const started = performance.now();
  parseChallenges(`Bearer ${'a="'.repeat(100_000)}`);
  parseChallenges(' ,'.repeat(100_000));
  assert.ok(performance.now() - started < 1000);
});
