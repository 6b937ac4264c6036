import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vertexName } from './vertex-name';

test('the name of a step hides credentials in URLs, and nothing else', () => {
  const shown = (text: string): string => vertexName({ label: 'deps', total: 12 }, 3, text);
  assert.equal(shown('ADD https://me:s3cret@host/x.tgz /'), '[deps  3/12] ADD https://***@host/x.tgz /');
  assert.equal(shown('RUN curl "HTTP://token@host"'), '[deps  3/12] RUN curl "HTTP://***@host"');
  for (const text of ['ADD git@host:acme/x.git /', 'ADD https://host/@scope/x /', 'RUN mail a@b https://host']) {
    assert.equal(shown(text), `[deps  3/12] ${text}`);
  }
  assert.equal(vertexName({ label: '', total: 0 }, 1, 'ADD http://a:b@host/x /'), 'ADD http://***@host/x /');
});
