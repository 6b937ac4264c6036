import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CodecEnvironment } from '../src/compression/codec-table';
import type { CompressionOptions } from '../src/compression/contract';
import { createCompressor } from '../src/compression/create-compressor';
import { decompress } from '../src/compression/decompress';
import { findNativeZstd } from '../src/compression/native-zstd';
import type { Bench, BenchContext } from './bench';
import { writeCorpus } from './support/corpus';
import { measureInTurns, measureMs, megabytesPerSecond } from './support/measure';
import { hasProgram, runProgram, versionOf } from './support/programs';
import { formatTable } from './support/table';

const rounds = 3;
const nativeZstd = findNativeZstd() !== undefined;
const cores = availableParallelism();

/** One way to do it. `run` gives the bytes that came out. */
interface Contender {
  readonly label: string;
  /** The programs that the machine has to have. */
  readonly program?: string;
  readonly run: (path: string) => Promise<number>;
}

interface Race {
  readonly title: string;
  /** The first one is what the others are compared with. */
  readonly contenders: readonly Contender[];
}

function peer(program: string, ...options: readonly string[]): Contender {
  return {
    label: [program, ...options].join(' '),
    program,
    run: (path) => runProgram(program, [...options, '-c', path]),
  };
}

function ours(label: string, options: CompressionOptions, environment?: Partial<CodecEnvironment>): Contender {
  const run = async (path: string): Promise<number> => {
    const { stream } = createCompressor(options, { parallelism: cores, nativeZstd, ...environment });
    return countBytes(path, stream);
  };
  return { label: `ours: ${label}`, run };
}

async function countBytes(path: string, stream: NodeJS.ReadWriteStream): Promise<number> {
  let bytes = 0;
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), stream, async (chunks) => {
    for await (const { byteLength } of chunks as AsyncIterable<Buffer>) bytes += byteLength;
  });
  return bytes;
}

const zstdOfNode = (level: number): readonly Contender[] => [
  ...(nativeZstd ? [ours('zstd of Node', { type: 'zstd', level })] : []),
  ours('zstd in WebAssembly', { type: 'zstd', level }, { nativeZstd: false }),
];

const races: readonly Race[] = [
  {
    title: 'gzip, level 6',
    contenders: [
      peer('pigz', '-6'),
      peer('gzip', '-6'),
      ours('zlib', { type: 'gzip', level: 6 }),
      ours('zlib on worker threads', { type: 'gzip', level: 6 }, { parallelism: 5 }),
      ours('fflate (reproducible)', { type: 'gzip', level: 6, reproducible: true }),
    ],
  },
  { title: 'gzip, level 1', contenders: [peer('pigz', '-1'), ours('zlib', { type: 'gzip', level: 1 })] },
  { title: 'zstd, level 3', contenders: [peer('zstd', '-T0', '-3'), ...zstdOfNode(3)] },
  { title: 'zstd, level 1', contenders: [peer('zstd', '-T0', '-1'), ...zstdOfNode(1)] },
  { title: 'zstd, level 10', contenders: [peer('zstd', '-T0', '-10'), ...zstdOfNode(10)] },
];

async function compare(race: Race, path: string, contentBytes: number, { print }: BenchContext): Promise<void> {
  const present = race.contenders.filter(({ program }) => program === undefined || hasProgram(program));
  for (const contender of race.contenders) {
    if (!present.includes(contender)) print(`(left out: ${contender.label}, which this machine does not have)`);
  }
  const bytes = new Map<Contender, number>();
  const times = await measureInTurns(
    present.map((contender) => () => measureMs(async () => bytes.set(contender, await contender.run(path)))),
    rounds,
  );
  const rows = present.map((contender, index) => {
    const ms = times[index] ?? Number.NaN;
    return [
      contender.label,
      megabytesPerSecond(contentBytes, ms).toFixed(0),
      (contentBytes / (bytes.get(contender) ?? Number.NaN)).toFixed(3),
      ((times[0] ?? Number.NaN) / ms).toFixed(2),
    ];
  });
  print(`${formatTable([race.title, 'MB/s', 'ratio', 'speed relative to the first'], rows)}\n`);
}

/** Every program writes its output, ours decodes and counts. */
async function compareDecoding(path: string, contentBytes: number, context: BenchContext): Promise<void> {
  for (const type of ['gzip', 'zstd'] as const) {
    const packed = join(context.directory, `packed.${type === 'gzip' ? 'gz' : 'zst'}`);
    const { stream } = createCompressor({ type });
    await pipeline(createReadStream(path), stream, async (chunks: AsyncIterable<Buffer>) => writeFile(packed, chunks));
    const decode = async (file: string): Promise<number> => {
      let bytes = 0;
      for await (const chunk of decompress(createReadStream(file)) as AsyncIterable<Buffer>) bytes += chunk.byteLength;
      return bytes;
    };
    const label = `ours: ${type === 'gzip' ? 'zlib' : nativeZstd ? 'zstd of Node' : 'fzstd'}`;
    const race = { title: `${type}, decompressing`, contenders: [peer(type, '-d'), { label, run: decode }] };
    // The ratio of this table is that of the output to itself: 1 shows that all of it came out.
    await compare(race, packed, contentBytes, context);
  }
}

export const compressionBench: Bench = {
  name: 'compression',
  description: `compressing and decompressing 64 MiB on ${cores} cores`,
  async run(context) {
    const path = join(context.directory, 'corpus');
    const bytes = await writeCorpus(path);
    for (const program of ['pigz', 'gzip', 'zstd']) if (hasProgram(program)) context.print(versionOf(program));
    context.print('');
    for (const race of races) await compare(race, path, bytes, context);
    await compareDecoding(path, bytes, context);
  },
};
