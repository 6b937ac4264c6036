import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import type { ProgressEvent } from './event';
import { PlainPrinter } from './plain';

const first = digestOf('first');
const second = digestOf('second');

function print(events: readonly ProgressEvent[], redact = (text: string): string => text): string {
  let output = '';
  const printer = new PlainPrinter({ write: (text) => (output += text), now: () => 0, redact });
  for (const event of events) printer.sink(event);
  printer.close();
  return output;
}

const vertex = (digest: typeof first, name: string, more: Partial<ProgressEvent> = {}): ProgressEvent =>
  ({ kind: 'vertex', digest, name, inputs: [], ...more }) as ProgressEvent;
const log = (digest: typeof first, text: string, time: number): ProgressEvent => ({
  kind: 'log',
  vertex: digest,
  stream: 'stdout',
  data: Buffer.from(text),
  time,
});

test('steps keep their numbers, output carries seconds, and the end says how it went', () => {
  const output = print([
    vertex(first, '[build 1/2] RUN make', { started: 1000 }),
    log(first, 'compiling\nlink', 1123),
    vertex(second, '[deps 1/1] COPY . .', { started: 1200, completed: 1200, cached: true }),
    log(first, 'ing\n', 2000),
    vertex(first, '[build 1/2] RUN make', { started: 1000, completed: 2250 }),
  ]);
  assert.equal(
    output,
    [
      '#1 [build 1/2] RUN make',
      '#1 0.123 compiling',
      '',
      '#2 [deps 1/1] COPY . .',
      '#2 CACHED',
      '',
      '#1 1.000 linking',
      '#1 DONE 1.3s',
      '',
    ].join('\n'),
  );
});

test('a vertex that was only announced is not shown, and one that completed is not shown again', () => {
  const done = vertex(first, 'a', { started: 0, completed: 100 });
  assert.equal(print([vertex(first, 'a'), done, done]), '#1 a\n#1 DONE 0.1s\n');
});

test('an unfinished line of output comes before the error of its step', () => {
  const output = print([
    vertex(first, 'RUN false', { started: 0 }),
    log(first, 'no newline', 50),
    vertex(first, 'RUN false', { started: 0, completed: 100, error: 'exit code: 1' }),
  ]);
  assert.equal(output, '#1 RUN false\n#1 0.050 no newline\n#1 ERROR: exit code: 1\n');
});

test('warnings and finished transfers are told', () => {
  const output = print([
    vertex(first, 'exporting cache', { started: 0 }),
    { kind: 'status', vertex: first, id: 'x', name: 'pushing layer x', current: 0, total: 2000, started: 0 },
    {
      kind: 'status',
      vertex: first,
      id: 'x',
      name: 'pushing layer x',
      current: 2000,
      total: 2000,
      started: 0,
      completed: 500,
    },
    { kind: 'warning', code: 'CACHE_IMPORT', message: 'cannot read cache', hint: 'log in' },
  ]);
  assert.equal(
    output,
    '#1 exporting cache\n#1 pushing layer x 2.0 kB 0.5s done\nWARNING CACHE_IMPORT: cannot read cache (log in)\n',
  );
});

test('a secret that a pipe cut in two is hidden all the same', () => {
  const output = print(
    [vertex(first, 'RUN x', { started: 0 }), log(first, 'token hun', 1), log(first, 'ter2 is out\n', 2)],
    (text) => text.replaceAll('hunter2', '***'),
  );
  assert.match(output, /token \*\*\* is out/);
});

test('characters that a pipe cut in two come out whole', () => {
  const bytes = Buffer.from('grün\n');
  const half = (data: Buffer): ProgressEvent => ({ kind: 'log', vertex: first, stream: 'stderr', data, time: 0 });
  const output = print([vertex(first, 'RUN x', { started: 0 }), half(bytes.subarray(0, 3)), half(bytes.subarray(3))]);
  assert.match(output, /#1 0\.000 grün\n/);
});
