import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockJob } from './block-codec';
import type { BlockLane } from './block-lane';
import { BlockStream } from './block-stream';
import { createCompressor } from './create-compressor';
import { decompress } from './decompress';
import type { OrderedBlocks } from './ordered-blocks';
import { compressed, decompressed, environments, inPieces } from './testing/compressed';
import { sampleContent } from './testing/sample-content';
import { ThreadLane } from './thread-lane';
import { ZstdFrames } from './zstd-frames';

/** A lane whose blocks pass as they are, each when the test says so. */
class HeldLane implements BlockLane {
  readonly jobs: { readonly job: BlockJob; readonly finish: (error?: Error) => void }[] = [];
  closed = false;

  encode(job: BlockJob): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => (error === undefined ? resolve(job.data) : reject(error));
      this.jobs.push({ job, finish });
    });
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function heldStream(maxBytes: number): { readonly lane: HeldLane; readonly stream: BlockStream } {
  const lane = new HeldLane();
  const encoder = (blocks: OrderedBlocks): ZstdFrames =>
    new ZstdFrames({ codec: 'wasm-zstd', level: 3, blockBytes: 10, lane, blocks });
  return { lane, stream: new BlockStream({ maxBytes, lane, encoder }) };
}

test('blocks come out in the order of the content, whichever is compressed first', async () => {
  const { lane, stream } = heldStream(1000);
  stream.end(Buffer.from('0000000000111111111122222222223'));
  while (lane.jobs.length < 4) await sleep(1);
  for (const { finish } of [...lane.jobs].reverse()) {
    finish();
    await sleep(1);
  }
  const chunks = await stream.toArray();
  assert.equal(Buffer.concat(chunks).toString(), '0000000000111111111122222222223');
});

test('a stream takes in no more than its bound while nothing is compressed', async () => {
  const { lane, stream } = heldStream(50);
  for (let count = 0; count < 100; count++) stream.write(Buffer.alloc(10));
  await sleep(20);
  assert.equal(lane.jobs.length, 5);
  lane.jobs[0]?.finish();
  await sleep(20);
  assert.equal(lane.jobs.length, 6, 'one block that is finished makes room for one');
  stream.destroy();
});

test('a block that fails fails the stream, and closes the lane', async () => {
  const { lane, stream } = heldStream(1000);
  stream.end(Buffer.alloc(20));
  while (lane.jobs.length < 2) await sleep(1);
  lane.jobs[1]?.finish(new Error('out of memory'));
  lane.jobs[0]?.finish();
  await assert.rejects(stream.toArray(), /out of memory/);
  assert.equal(lane.closed, true);
});

test('the summary is not there before the end', () => {
  const compressor = createCompressor({ type: 'gzip' });
  assert.throws(() => compressor.summary(), /when the stream has ended/);
  compressor.stream.destroy();
});

for (const { name, ...environment } of environments) {
  for (const type of ['gzip', 'zstd'] as const) {
    test(`${type} (${name}): an abort in the middle ends everything`, async () => {
      const abort = new AbortController();
      const { stream } = createCompressor({ type }, environment);
      const endless = Readable.from(
        (function* () {
          for (;;) yield sampleContent(1_000_000);
        })(),
        { objectMode: false },
      );
      let received = 0;
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          received += chunk.byteLength;
          if (received > 500_000) abort.abort();
          done();
        },
      });
      await assert.rejects(pipeline(endless, stream, sink, { signal: abort.signal }), { name: 'AbortError' });
      assert.ok(endless.destroyed && stream.destroyed);
      if (!stream.closed) await once(stream, 'close');
    });

    test(`${type} (${name}): several streams at once do not mix`, async () => {
      const contents = [1, 2, 3, 4].map((seed) => sampleContent(3_000_000, seed));
      const outputs = await Promise.all(contents.map((content) => compressed(content, { type, environment })));
      for (const [index, { bytes }] of outputs.entries()) {
        assert.ok((await decompressed(bytes)).equals(contents[index] as Buffer));
      }
    });
  }
}

test('a source that breaks breaks the compressed stream with its error', async () => {
  const broken = Readable.from(
    (function* () {
      yield sampleContent(100_000);
      throw new Error('the disk is gone');
    })(),
    { objectMode: false },
  );
  const { stream } = createCompressor({ type: 'gzip' });
  await assert.rejects(pipeline(broken, stream, new Writable({ write: (_chunk, _encoding, done) => done() })), /disk/);
});

test('a lane of threads that is closed gives up what waits and what is under way', async () => {
  const lane = new ThreadLane(1);
  const jobs = [1, 2, 3].map((seed) =>
    lane.encode({ codec: 'zlib-deflate', level: 9, data: sampleContent(2_000_000, seed), last: true }),
  );
  const settled = Promise.allSettled(jobs);
  await lane.close();
  for (const { status } of await settled) assert.equal(status, 'rejected');
  await assert.rejects(lane.encode({ codec: 'zlib-deflate', level: 1, data: Buffer.alloc(1), last: true }), /closed/);
});

test('a lane of threads reports the error of a codec and goes on', async () => {
  const lane = new ThreadLane(2);
  try {
    const data = (): Buffer => sampleContent(300_000);
    await assert.rejects(lane.encode({ codec: 'zlib-deflate', level: 77, data: data(), last: true }), RangeError);
    const output = await lane.encode({ codec: 'zlib-deflate', level: 1, data: data(), last: true });
    assert.ok(output.byteLength > 0);
  } finally {
    await lane.close();
  }
});

test('the decompressing stream can be left in the middle', async () => {
  for (const type of ['gzip', 'zstd', 'uncompressed'] as const) {
    const { bytes } = await compressed(sampleContent(3_000_000), { type });
    const source = inPieces(bytes, 1000);
    const closed = new Promise((resolve) => source.once('close', resolve));
    const output = decompress(source);
    for await (const chunk of output) {
      assert.ok(chunk !== undefined);
      break;
    }
    assert.equal(output.destroyed, true);
    await closed;
  }
});

test('a signal aborts decompressing while the source says nothing', async () => {
  for (const type of ['gzip', 'zstd', 'uncompressed'] as const) {
    const { bytes } = await compressed(sampleContent(3_000_000), { type });
    const silent = new Readable({ read: () => undefined });
    silent.push(bytes.subarray(0, 1000));
    const abort = new AbortController();
    const reading = decompress(silent, { signal: abort.signal }).toArray();
    setTimeout(() => abort.abort(), 20);
    await assert.rejects(reading, { name: 'AbortError' });
    assert.equal(silent.destroyed, true);
  }
});

test('a signal that is aborted already lets nothing through', async () => {
  const reading = decompress(inPieces(Buffer.alloc(1000)), { signal: AbortSignal.abort() }).toArray();
  await assert.rejects(reading, { name: 'AbortError' });
});
