import type { Dockerfile, Instruction } from '../dockerfile/ast';
import { verticesOfStage } from '../engine/embedded/stage-caches';
import type { Conversion, ConvertedStage } from '../llb/conversion';
import type { Vertex } from '../llb/operation';
import { digestOf, hexOf } from '../oci/digest';
import { formatFamiliar } from '../oci/reference';
import { keyOf } from './field-hash';
import type { StageKey } from './stage-tags';
import type { VertexKeys } from './vertex-keys';

/** Characters of an instruction's text that are kept; its hash tells apart what is longer. */
const maxTextCharacters = 160;
const hashCharacters = 16;

/** What the key of one stage was made from, to be compared with another build's. */
export interface StageInputs {
  readonly stage: string;
  readonly key: StageKey;
  /** Base images and images copied from: digests of manifests by reference. */
  readonly images: Readonly<Record<string, string>>;
  /** Keys of the stages that it starts from or copies from. */
  readonly stages: Readonly<Record<string, string>>;
  /** Hashes of the values of build arguments and variables that its steps see. */
  readonly args: Readonly<Record<string, string>>;
  readonly instructions: readonly InstructionInputs[];
}

export interface InstructionInputs {
  readonly text: string;
  readonly line: number;
  /** Hash of the whole text. */
  readonly hash: string;
  /** Files that it reads of the client: path, octal mode, size, digest. */
  readonly files?: readonly FileInput[];
  /** What URLs and git repositories gave. */
  readonly sources?: Readonly<Record<string, string>>;
}

export type FileInput = readonly [path: string, mode: string, sizeBytes: number, digest: string];

export interface StageInputsOptions {
  readonly dockerfile: Dockerfile;
  readonly conversion: Conversion;
  readonly keys: VertexKeys;
  /** Names of the arguments that users may give. */
  readonly argumentNames: ReadonlySet<string>;
}

/** How users call a stage. */
export function labelOf({ name, index }: Pick<ConvertedStage, 'name' | 'index'>): string {
  return name ?? `stage-${index}`;
}

/**
 * Gathers what a stage's key is made from. Instructions are kept as they stand in the Dockerfile, variables unexpanded;
 * values of arguments only as short hashes.
 */
export async function collectStageInputs(stage: ConvertedStage, options: StageInputsOptions): Promise<StageInputs> {
  const { conversion, dockerfile, keys } = options;
  const edges = conversion.stages.flatMap(({ edge }) => edge ?? []);
  const vertices = stage.edge ? verticesOfStage(stage.edge, edges) : [];
  const own = new Set(vertices);
  const others = conversion.stages.filter(
    ({ edge, index }) =>
      index !== stage.index &&
      edge !== undefined &&
      !own.has(edge.vertex) &&
      vertices.some(({ inputs }) => inputs.some(({ vertex }) => vertex === edge.vertex)),
  );
  const images: Record<string, string> = {};
  for (const { operation } of vertices) {
    if (operation.kind === 'image') images[formatFamiliar(operation.reference)] = operation.manifest.digest;
  }
  const { instructions = [] } = dockerfile.stages[stage.index] ?? {};
  return {
    stage: labelOf(stage),
    key: await stageKeyOf(stage, keys),
    images,
    stages: Object.fromEntries(
      await Promise.all(others.map(async (other) => [labelOf(other), await stageKeyOf(other, keys)] as const)),
    ),
    args: argumentsOf(vertices, options.argumentNames),
    instructions: await Promise.all(instructions.map((instruction) => instructionInputs(instruction, vertices, keys))),
  };
}

/** The key of a stage: that of the step which gives its result, for one platform. */
export async function stageKeyOf({ edge, platform }: ConvertedStage, keys: VertexKeys): Promise<StageKey> {
  const result = edge && { output: edge.output, key: await keys.keyOf(edge.vertex) };
  return keyOf('stage', { result, platform: { ...platform } });
}

async function instructionInputs(
  instruction: Instruction,
  vertices: readonly Vertex[],
  keys: VertexKeys,
): Promise<InstructionInputs> {
  const { range, source } = instruction;
  const mine = vertices.filter(({ line }) => line === range.line);
  const files: FileInput[] = [];
  const sources: Record<string, string> = {};
  for (const vertex of mine) {
    for (const [index, read] of keys.readsOf(vertex)) {
      const input = vertex.inputs[index];
      if (!input) continue;
      for (const { path, mode, size, digest } of await keys.listFiles(input, read)) {
        files.push([path, mode.toString(8), size, shorten(hexOf(digest))]);
      }
    }
    const key = await keys.sourceKeyOf(vertex);
    const { operation } = vertex;
    if (key !== undefined && (operation.kind === 'http' || operation.kind === 'git')) {
      sources[withoutCredentials(operation.url)] = shorten(hexOf(digestOf(key)));
    }
  }
  return {
    text: source.length > maxTextCharacters ? `${source.slice(0, maxTextCharacters - 1)}…` : source,
    line: range.line,
    hash: shortHash(source),
    ...(files.length > 0 && { files }),
    ...(Object.keys(sources).length > 0 && { sources }),
  };
}

function argumentsOf(vertices: readonly Vertex[], names: ReadonlySet<string>): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { operation } of vertices) {
    if (operation.kind !== 'exec') continue;
    for (const entry of operation.env) {
      const equals = entry.indexOf('=');
      const name = entry.slice(0, equals);
      if (names.has(name)) found[name] = shortHash(entry);
    }
  }
  return found;
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/, '');
}

function shortHash(text: string): string {
  return shorten(hexOf(digestOf(text)));
}

function shorten(hex: string): string {
  return hex.slice(0, hashCharacters);
}
