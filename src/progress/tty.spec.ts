import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import { createPrinter } from './create-printer';
import type { ProgressEvent } from './event';
import { PlainPrinter } from './plain';
import { QuietPrinter } from './quiet';
import { RawJsonPrinter } from './raw-json';
import { cutToWidth, stripControl, widthOf } from './terminal-text';
import { TerminalView } from './terminal-view';
import { TtyPrinter } from './tty';

const size = { columns: 60, rows: 10 };

function vertex(
  name: string,
  more: Partial<Extract<ProgressEvent, { kind: 'vertex' }>> = {},
): Extract<ProgressEvent, { kind: 'vertex' }> {
  return { kind: 'vertex', digest: digestOf(name), name, inputs: [], ...more };
}

test('a picture shows running steps with their last output, and cached ones', () => {
  const view = new TerminalView(0);
  view.apply(vertex('[a 1/2] COPY . .', { started: 0, completed: 0, cached: true }));
  view.apply(vertex('[a 2/2] RUN make', { started: 100 }));
  for (let line = 1; line <= 7; line++) {
    view.addLogLine(`line ${line}`, {
      kind: 'log',
      vertex: digestOf('[a 2/2] RUN make'),
      stream: 'stdout',
      data: Buffer.alloc(0),
      time: 0,
    });
  }
  assert.deepEqual(view.render(2100, size), [
    'building 2.1s, 1 of 2 steps done',
    ' cached [a 1/2] COPY . .                               0.0s',
    ' runs   [a 2/2] RUN make                               2.0s',
    '   │ line 3',
    '   │ line 4',
    '   │ line 5',
    '   │ line 6',
    '   │ line 7',
  ]);
});

test('a picture never has more lines than the terminal and keeps what runs', () => {
  const view = new TerminalView(0);
  view.apply(vertex('still running', { started: 0 }));
  for (let index = 0; index < 50; index++) view.apply(vertex(`done ${index}`, { started: 0, completed: 10 }));
  const lines = view.render(1000, size);
  assert.ok(lines.length < size.rows, `${lines.length} lines`);
  assert.ok(lines.some((line) => line.includes('still running')));
  assert.ok(lines.every((line) => widthOf(line) <= size.columns));
});

test('the last picture has the output of the step that failed', () => {
  const view = new TerminalView(0);
  view.apply(vertex('RUN x', { started: 0 }));
  view.addLogLine('cannot find y', {
    kind: 'log',
    vertex: digestOf('RUN x'),
    stream: 'stderr',
    data: Buffer.alloc(0),
    time: 0,
  });
  view.apply(vertex('RUN x', { started: 0, completed: 5, error: 'exit code: 1' }));
  assert.deepEqual(view.renderFinal(5, 60).slice(2), ['', 'RUN x failed: exit code: 1', '  cannot find y']);
});

test('the terminal is drawn at most ten times a second however many events come', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const writes: string[] = [];
  const printer = new TtyPrinter({
    write: (text) => writes.push(text),
    now: () => 0,
    redact: (text) => text,
    size: () => size,
  });
  for (let index = 0; index < 1000; index++) printer.sink(vertex('RUN x', { started: 0 }));
  t.mock.timers.tick(1000);
  assert.equal(writes.length, 1 + 10);
  printer.close();
  t.mock.timers.tick(1000);
  assert.equal(writes.length, 1 + 10 + 2);
});

test('pictures are written over each other, also after the window became narrower', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let writes = '';
  let columns = 60;
  const printer = new TtyPrinter({
    write: (text) => (writes += text),
    now: () => 0,
    redact: (text) => text,
    size: () => ({ columns, rows: 30 }),
  });
  printer.sink(vertex('RUN x', { started: 0 }));
  t.mock.timers.tick(100);
  assert.doesNotMatch(writes, /\u001b\[\d+A/);
  assert.ok(!writes.includes('\u001b[J\u001b') && writes.endsWith('\u001b[K\n\u001b[J'), JSON.stringify(writes));
  for (const [width, up] of [
    [60, 2],
    // The line of the header still fits; that of the step, which filled the window, takes two.
    [40, 3],
  ] as const) {
    writes = '';
    columns = width;
    t.mock.timers.tick(100);
    assert.ok(writes.startsWith(`\u001b[${up}A\r`), JSON.stringify(writes));
  }
  printer.close();
});

test('output of a step cannot drive the terminal', () => {
  assert.equal(stripControl('\u001b[2J\u001b]0;title\u0007a\rb\u0008c\td'), 'abc d');
});

test('texts are cut by columns, counting wide characters double', () => {
  assert.equal(cutToWidth('abcdef', 6), 'abcdef');
  assert.equal(cutToWidth('abcdefg', 6), 'abcde…');
  assert.equal(cutToWidth('漢字漢字', 6), '漢字…');
  assert.equal(cutToWidth('abc', 0), '');
});

test('the printer follows mode, terminal and CI', () => {
  const common = { write: () => undefined, now: () => 0, redact: (text: string) => text, size: () => size };
  const choose = (
    mode: 'auto' | 'tty' | 'plain' | 'rawjson' | 'quiet',
    isTerminal: boolean,
    isCi: boolean,
    columns = 80,
  ): unknown => {
    const printer = createPrinter({ ...common, mode, isTerminal, isCi, size: () => ({ columns, rows: 24 }) });
    return printer.constructor;
  };
  assert.equal(choose('auto', true, false), TtyPrinter);
  assert.equal(choose('auto', true, true), PlainPrinter);
  assert.equal(choose('auto', false, false), PlainPrinter);
  assert.equal(choose('tty', true, true), TtyPrinter);
  assert.equal(choose('tty', false, false), PlainPrinter);
  assert.equal(choose('tty', true, false, 10), PlainPrinter);
  assert.equal(choose('plain', true, false), PlainPrinter);
  assert.equal(choose('rawjson', true, false), RawJsonPrinter);
  assert.equal(choose('quiet', true, false), QuietPrinter);
});
