import { pipeline } from 'node:stream/promises';
import type { CompressionType } from '../contract';
import { createCompressor } from '../create-compressor';
import { decompress } from '../decompress';
import { findNativeZstd } from '../native-zstd';
import { sampleContent } from './sample-content';

/**
 * A process of its own that compresses generated content, decompresses it again at once, and prints the largest memory
 * it had, in bytes: `memory-probe.js <type> <native | wasm> <MiB>`.
 */
const [type, codec, mebibytes] = process.argv.slice(2);
const piece = sampleContent(1024 * 1024);
const wantedBytes = Number(mebibytes) * piece.byteLength;

function* generate(): Generator<Buffer> {
  for (let bytes = 0; bytes < wantedBytes; bytes += piece.byteLength) {
    // A copy, as every stream makes one: what is kept by mistake shows up.
    const copy = Buffer.from(piece);
    copy.writeDoubleLE(bytes, 0);
    yield copy;
  }
}

async function main(): Promise<void> {
  const { stream } = createCompressor(
    { type: type as CompressionType },
    { parallelism: 2, nativeZstd: codec === 'native' && findNativeZstd() !== undefined },
  );
  let received = 0;
  const feeding = pipeline(generate(), stream);
  for await (const chunk of decompress(stream) as AsyncIterable<Buffer>) received += chunk.byteLength;
  await feeding;
  if (received !== wantedBytes) throw new Error(`${received} bytes came back of ${wantedBytes}`);
  console.log(process.resourceUsage().maxRSS * 1024);
}

void main();
