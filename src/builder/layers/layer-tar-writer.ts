import type { Readable } from 'node:stream';
import { CodedError } from '../../diagnostics/coded-error';
import type { CallOptions } from '../../content/contract';
import { WHOLE_READ_BYTES } from '../../filetree/read-file';
import type { LayerInput } from '../contract';
import { paddingOf } from '../../filetree/tar/tar-format';
import { encodeHeader, endOfTar } from '../../filetree/tar/tar-header-encoder';
import { toTarHeader, type StoredMember } from './layer-member';

/** Small files that are read before their turn comes. */
const READ_AHEAD_FILES = 32;

/** A file whose content did not have the size that its entry says. */
declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    CONTENT_SIZE_CHANGED: { readonly path: string; readonly expected: number; readonly actual: number };
  }
}

/** Bytes of a tar, and at the start of each member's content that member. */
export type TarPart = Buffer | StoredMember;

/**
 * The canonical tar of a layer: the members in the order given, each with the one header that {@link encodeHeader}
 * makes. Small files are opened ahead of their turn, at most {@link READ_AHEAD_FILES} at once.
 */
export async function* encodeLayerTar(
  inputs: AsyncIterable<LayerInput> | Iterable<LayerInput>,
  options: CallOptions = {},
): AsyncGenerator<TarPart> {
  let offset = 0;
  for await (const { input, content } of readAhead(inputs, options)) {
    options.signal?.throwIfAborted();
    const header = encodeHeader(toTarHeader(input.member));
    yield header;
    offset += header.length;
    yield { member: input.member, dataOffset: offset };
    const size = contentSize(input);
    if (size === 0) continue;
    yield* exactly(await (content ?? openContent(input, options)), size, input);
    const padding = paddingOf(size);
    if (padding > 0) yield endOfTar.subarray(0, padding);
    offset += size + padding;
  }
  yield endOfTar;
}

interface Pending {
  readonly input: LayerInput;
  readonly content: Promise<Readable> | undefined;
}

async function* readAhead(
  inputs: AsyncIterable<LayerInput> | Iterable<LayerInput>,
  options: CallOptions,
): AsyncGenerator<Pending> {
  const queue: Pending[] = [];
  try {
    for await (const input of inputs) {
      queue.push({ input, content: isSmall(input) ? openContent(input, options) : undefined });
      const next = queue.length >= READ_AHEAD_FILES ? queue.shift() : undefined;
      if (next) yield next;
    }
    for (let next = queue.shift(); next; next = queue.shift()) yield next;
  } finally {
    for (const { content } of queue) {
      content?.then(
        (stream) => stream.destroy(),
        () => undefined,
      );
    }
  }
}

function isSmall(input: LayerInput): boolean {
  const size = contentSize(input);
  return size > 0 && size <= WHOLE_READ_BYTES;
}

function contentSize({ member }: LayerInput): number {
  return member.kind === 'entry' && member.entry.type === 'file' ? member.entry.size : 0;
}

function openContent(input: LayerInput, options: CallOptions): Promise<Readable> {
  if (!input.open) throw new Error('a file with content needs a way to open it');
  const opened = input.open(options);
  // A failure is reported when the member's turn comes; until then it must not count as unhandled.
  opened.catch(() => undefined);
  return opened;
}

async function* exactly(content: Readable, size: number, input: LayerInput): AsyncGenerator<Buffer> {
  let actual = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    actual += chunk.length;
    if (actual > size) break;
    yield chunk;
  }
  if (actual === size) return;
  const path = input.member.kind === 'entry' ? input.member.entry.path : '';
  const message = `"${path}" changed while it was read: ${size} bytes were expected`;
  throw new CodedError('CONTENT_SIZE_CHANGED', message, { path, expected: size, actual });
}
