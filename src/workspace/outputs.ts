import type { CompressionOptions } from '../compression/contract';
import { compressionTypes } from '../compression/contract';
import { validateCompressionLevel } from '../compression/levels';
import type { ImageOutput } from '../engine/contract';
import { tryParseReference, withDefaultTag, type Reference } from '../oci/reference';
import { readBoolean, refuseUnknownKeys, splitAttributes, type Attributes } from './attributes';
import type { DockerBuildOptions } from './docker-build-options';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { absolutePath } from './paths';
import { requireWritable } from './writable-path';

const outputTypes = ['image', 'registry', 'oci', 'docker', 'local', 'tar'] as const;
type OutputType = (typeof outputTypes)[number];

const compressionKeys = ['compression', 'compression-level', 'force-compression', 'oci-mediatypes'];
const knownKeys: Readonly<Record<OutputType, readonly string[]>> = {
  image: ['type', 'name', 'push', ...compressionKeys],
  registry: ['type', 'name', ...compressionKeys],
  oci: ['type', 'name', 'dest', 'tar', ...compressionKeys],
  docker: ['type', 'name', 'dest', 'tar', ...compressionKeys],
  local: ['type', 'dest'],
  tar: ['type', 'dest'],
};

export interface Outputs {
  readonly outputs: readonly ImageOutput[];
  /** From `name=` of outputs, besides the option `tags`. */
  readonly tags: readonly Reference[];
}

/**
 * buildx's `--output` strings with `push` and `load` folded in. Without any of them the image is built and stays in the
 * local state.
 */
export function readOutputs(options: DockerBuildOptions, invocation: Invocation, mistakes: Mistakes): Outputs {
  const tags: Reference[] = [];
  const outputs = (options.outputs ?? []).flatMap((text, index) => {
    const option = `outputs[${index}]`;
    const attributes = readAttributes(text, option, mistakes);
    const type = attributes && readType(attributes, option, mistakes);
    if (attributes === undefined || type === undefined) return [];
    refuseUnknownKeys(attributes, knownKeys[type], option, mistakes);
    tags.push(...readNames(attributes, option, mistakes));
    const output = readOutput(type, attributes, option, invocation, mistakes);
    return output === undefined ? [] : [output];
  });
  return { outputs: addPushAndLoad(outputs, options), tags };
}

/** A lone word is a directory, and `-` standard output, as buildx has it. */
function readAttributes(text: string, option: string, mistakes: Mistakes): Attributes | undefined {
  const attributes = splitAttributes(text, option, mistakes);
  if (attributes === undefined || attributes.words.length === 0) return attributes;
  const [word = ''] = attributes.words;
  if (attributes.words.length === 1 && attributes.values.size === 0) {
    return {
      values: new Map([
        ['type', 'local'],
        ['dest', word],
      ]),
      words: [],
    };
  }
  mistakes.add('OPTION_INVALID', option, `"${word}" is not of the form key=value`);
  return undefined;
}

function readType({ values }: Attributes, option: string, mistakes: Mistakes): OutputType | undefined {
  const type = values.get('type');
  const found = outputTypes.find((known) => known === type);
  if (type === undefined)
    mistakes.add('OPTION_MISSING', option, 'an output needs a type', `type=${outputTypes.join(', type=')}`);
  else if (found === undefined) mistakes.addUnknownWord(option, 'output type', type, outputTypes);
  return found;
}

function readOutput(
  type: OutputType,
  attributes: Attributes,
  option: string,
  invocation: Invocation,
  mistakes: Mistakes,
): ImageOutput | undefined {
  const compression = readCompression(attributes, option, mistakes);
  const compressed = compression === undefined ? {} : { compression };
  const dest = attributes.values.get('dest');
  switch (type) {
    case 'image':
    case 'registry': {
      const force = readBoolean(attributes, 'force-compression', option, mistakes);
      const push = readBoolean(attributes, 'push', option, mistakes) ?? false;
      return {
        type: 'image',
        push: type === 'registry' || push,
        ociMediaTypes: readBoolean(attributes, 'oci-mediatypes', option, mistakes) ?? true,
        ...compressed,
        ...(force === undefined ? {} : { forceCompression: force }),
      };
    }
    case 'docker':
      if (dest === undefined) return { type: 'docker-load' };
      break;
    case 'oci':
    case 'local':
    case 'tar':
  }
  if (dest === undefined || dest === '' || dest === '-') {
    mistakes.add('OPTION_MISSING', option, `type=${type} needs dest=path`, 'standard output belongs to Nx');
    return undefined;
  }
  const destination = absolutePath(dest, invocation);
  if (type === 'local' || type === 'tar') {
    requireWritable(destination, type === 'local' ? 'directory' : 'file', option, mistakes);
    return { type, destination };
  }
  const tar = readBoolean(attributes, 'tar', option, mistakes) ?? true;
  requireWritable(destination, tar ? 'file' : 'directory', option, mistakes);
  return { type, destination, tar, ...compressed };
}

function readCompression(attributes: Attributes, option: string, mistakes: Mistakes): CompressionOptions | undefined {
  const name = attributes.values.get('compression');
  const type = compressionTypes.find((known) => known === (name ?? 'gzip'));
  const level = attributes.values.get('compression-level');
  if (type === undefined) {
    mistakes.addUnknownWord(option, 'compression', name ?? '', compressionTypes);
    return undefined;
  }
  if (level === undefined) return name === undefined ? undefined : { type };
  const value = /^-?\d{1,3}$/.test(level) ? Number(level) : NaN;
  const problem = validateCompressionLevel(type, value);
  if (problem !== undefined) {
    mistakes.add('OPTION_INVALID', option, `compression-level=${level}: ${problem}`);
    return undefined;
  }
  return { type, level: value };
}

function readNames({ values }: Attributes, option: string, mistakes: Mistakes): readonly Reference[] {
  const names = (values.get('name') ?? '').split(',').filter((name) => name !== '');
  return names.flatMap((name) => readReference(name, option, mistakes) ?? []);
}

/** An image reference with a tag; `latest` where none is given. A digest cannot be chosen beforehand. */
export function readReference(text: string, option: string, mistakes: Mistakes): Reference | undefined {
  const parsed = tryParseReference(text);
  if (!parsed.ok) {
    mistakes.add('OPTION_INVALID', option, `"${text}" is not an image reference: ${parsed.reason}`);
    return undefined;
  }
  if (parsed.reference.digest !== undefined) {
    mistakes.add('OPTION_INVALID', option, `"${text}" names a digest, which only the built image can tell`);
    return undefined;
  }
  return withDefaultTag(parsed.reference);
}

function addPushAndLoad(
  outputs: readonly ImageOutput[],
  { push = false, load = false }: DockerBuildOptions,
): readonly ImageOutput[] {
  const pushed = push
    ? outputs.map((output) => (output.type === 'image' ? { ...output, push } : output))
    : [...outputs];
  if (push && !pushed.some((output) => output.type === 'image'))
    pushed.push({ type: 'image', push, ociMediaTypes: true });
  if (load && !pushed.some((output) => output.type === 'docker-load')) pushed.push({ type: 'docker-load' });
  return pushed.length > 0 ? pushed : [{ type: 'image', push: false, ociMediaTypes: true }];
}
