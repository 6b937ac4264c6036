import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TemporaryDirectory } from '../../testing/temporary-directory';
import type { RegistryExecutorOptions } from './registry-options';
import { serveRegistry } from './serve-registry';

function start(options: RegistryExecutorOptions, workspaceRoot: string) {
  const stop = new AbortController();
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  return { events: serveRegistry(options, { workspaceRoot, write, signal: stop.signal }), lines, stop };
}

test('the registry answers as soon as it says that it listens, and until it is stopped', async () => {
  await using workspace = await TemporaryDirectory.create();
  const { events, lines, stop } = start({ port: 0 }, workspace.path);
  const first = await events.next();
  const event = first.value as { readonly success: boolean; readonly baseUrl: string };
  assert.equal(event.success, true);
  assert.equal((await fetch(`${event.baseUrl}/v2/`)).status, 200);
  assert.match(lines.join(''), /listening on http:\/\/127\.0\.0\.1:\d+, content in .*tmp.registry\n$/);
  stop.abort();
  assert.equal((await events.next()).done, true);
  await assert.rejects(fetch(`${event.baseUrl}/v2/`));
});

test('all mistakes are told at once, before anything starts', async () => {
  const { events, lines } = start({ port: 65_536, host: 'not an address', root: '' }, '/nowhere');
  assert.deepEqual((await events.next()).value, { success: false });
  assert.deepEqual(
    lines.map((line) => line.split(' ', 2)[1]),
    ['port', 'host', 'root'],
  );
});

test('a port that is taken is told with what to do', async () => {
  await using workspace = await TemporaryDirectory.create();
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { events, lines } = start({ port: (other.address() as AddressInfo).port }, workspace.path);
  assert.deepEqual((await events.next()).value, { success: false });
  assert.match(lines.join(''), /the port is taken/);
  other.close();
});
