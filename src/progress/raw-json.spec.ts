import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import type { ProgressEvent } from './event';
import { RawJsonPrinter } from './raw-json';

const vertex = digestOf('vertex');

test('each event is one line in the shape of a SolveStatus', () => {
  let output = '';
  const printer = new RawJsonPrinter({
    write: (text) => (output += text),
    now: () => 3000,
    redact: (text) => text.replace('s3cret', '***'),
  });
  const events: readonly ProgressEvent[] = [
    { kind: 'vertex', digest: vertex, name: '[1/1] RUN x', inputs: [digestOf('in')], started: 1000 },
    { kind: 'log', vertex, stream: 'stderr', data: Buffer.from('is s3cret'), time: 1500 },
    { kind: 'status', vertex, id: 'a', name: 'pulling', current: 1, total: 2, started: 1000 },
    { kind: 'vertex', digest: vertex, name: '[1/1] RUN x', inputs: [], started: 1000, completed: 2000, cached: true },
    { kind: 'warning', code: 'CACHE', message: 'stale', vertex },
  ];
  for (const event of events) printer.sink(event);
  printer.close();
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  assert.deepEqual(
    output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [
      {
        vertexes: [
          { digest: vertex, inputs: [digestOf('in')], name: '[1/1] RUN x', started: '1970-01-01T00:00:01.000Z' },
        ],
      },
      {
        statuses: [
          {
            id: 'a',
            vertex,
            name: 'pulling',
            total: 2,
            current: 1,
            timestamp: '1970-01-01T00:00:03.000Z',
            started: '1970-01-01T00:00:01.000Z',
          },
        ],
      },
      { logs: [{ vertex, stream: 2, data: base64('is ***\n'), timestamp: '1970-01-01T00:00:01.500Z' }] },
      {
        vertexes: [
          {
            digest: vertex,
            name: '[1/1] RUN x',
            started: '1970-01-01T00:00:01.000Z',
            completed: '1970-01-01T00:00:02.000Z',
            cached: true,
          },
        ],
      },
      { warnings: [{ vertex, level: 1, short: base64('CACHE: stale') }] },
    ],
  );
});
