import { Readable } from 'node:stream';
import type { CallOptions } from '../../content/contract';
import type { FileEntry, FileTree } from '../../filetree/contract';
import type { LayerEntry, LayerInput, LayerStore, StoredLayer } from '../contract';
import type { AgentClient } from './agent-client';
import type { AgentIdentity, RunExit } from './agent/protocol';

/** Bytes that are read from the agent at a time. */
const READ_BYTES = 1024 * 1024;
const nanosecondsPerSecond = 1_000_000_000n;

export interface StepLayerOptions extends CallOptions {
  readonly agent: AgentClient;
  readonly run: string;
  readonly identity: AgentIdentity;
  readonly exit: RunExit;
  readonly store: LayerStore;
  /** The file system that the step started from. */
  readonly before: FileTree;
  /** Seconds since the epoch. */
  readonly sourceDateEpoch?: number;
}

/** Writes what a step changed as a layer. */
export async function writeStepLayer(members: readonly LayerEntry[], options: StepLayerOptions): Promise<StoredLayer> {
  return options.store.write(inputs(members, options), options.signal ? { signal: options.signal } : {});
}

async function* inputs(members: readonly LayerEntry[], options: StepLayerOptions): AsyncGenerator<LayerInput> {
  for (const member of members) {
    if (!('entry' in member)) {
      yield { member };
      continue;
    }
    const entry = clampTime(await intendedOwner(member.entry, options), options.sourceDateEpoch);
    const isContent = member.kind === 'entry' && entry.type === 'file' && entry.size > 0;
    yield {
      member: { ...member, entry },
      ...(isContent && {
        open: () => Promise.resolve(Readable.from(fileBytes(entry, options), { objectMode: false })),
      }),
    };
  }
}

async function* fileBytes(entry: FileEntry, { agent, run }: StepLayerOptions): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < entry.size;) {
    const length = Math.min(READ_BYTES, entry.size - position);
    const bytes = await agent.request('read', { run, path: entry.path, position, length });
    if (bytes.byteLength === 0) return;
    yield bytes;
    position += bytes.byteLength;
  }
}

/**
 * Where only one id is mapped, every file on disk is root's whatever the layers say. What was there keeps the owner that
 * it had; what is new belongs to whoever the command ran as.
 */
async function intendedOwner(entry: FileEntry, { identity, before, exit }: StepLayerOptions): Promise<FileEntry> {
  if (identity !== 'single') return entry;
  const old = await before.lookup(entry.path);
  const { uid, gid } = old?.type === entry.type ? old : exit;
  return { ...entry, uid, gid };
}

function clampTime(entry: FileEntry, sourceDateEpoch: number | undefined): FileEntry {
  if (sourceDateEpoch === undefined) return entry;
  const limit = BigInt(sourceDateEpoch) * nanosecondsPerSecond;
  return entry.mtimeNs > limit ? { ...entry, mtimeNs: limit } : entry;
}
