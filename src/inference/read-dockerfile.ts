import type { CopyInstruction, Dockerfile, RunInstruction } from '../dockerfile/ast';
import { escapeCharacter } from '../dockerfile/directives';
import { processWord } from '../dockerfile/expand';
import { resolveGlobalArgs } from '../dockerfile/global-args';
import { parseDockerfile } from '../dockerfile/parse';
import { selectStages } from '../dockerfile/select-stages';
import type { ResolvedStage } from '../dockerfile/stage-graph';
import { resolveStages } from '../dockerfile/stages';
import { isRemote } from '../llb/copy-source';
import { cleanPath } from '../llb/posix-path';
import type { ContextUse, DockerfileFacts } from './contract';

export interface ReadDockerfileOptions {
  readonly path: string;
  readonly text: string;
  readonly target?: string;
  /** Values that are known before the build; undefined for those that only the build will know. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>>;
}

/**
 * Tells what a build of the Dockerfile reads. Never fails: mistakes are told when it is built, and what could not be
 * read is left out. What is not certain is told as more, never as less.
 */
export function readDockerfile({ path, text, target, buildArgs = {} }: ReadDockerfileOptions): DockerfileFacts {
  const { dockerfile } = parseDockerfile({ path, text });
  const given = new Map<string, string>();
  for (const [key, value] of Object.entries(buildArgs)) if (value !== undefined) given.set(key, value);
  const known = resolveGlobalArgs(dockerfile, { buildArgs: given, predefined: new Map() }).values;
  const globalArgs = new Map([...known].filter(([key]) => !(key in buildArgs) || given.has(key)));
  const { graph } = resolveStages(dockerfile, { globalArgs });
  const selection = selectStages(dockerfile, graph, target);
  // A base that depends on what only the build knows, or a target that is not there: any stage may be needed.
  const certain = selection.target !== undefined && !hasOpenBase(dockerfile, globalArgs);
  const reader = new StageReader({ dockerfile, globalArgs, buildArgs });
  for (const stage of certain ? selection.required : graph.stages) reader.read(stage);
  return reader.facts();
}

function hasOpenBase({ stages, directives }: Dockerfile, variables: ReadonlyMap<string, string>): boolean {
  const escape = escapeCharacter(directives);
  return stages.some(({ base }) => processWord(base, variables, { escape }).unmatched.size > 0);
}

interface StageReaderOptions {
  readonly dockerfile: Dockerfile;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly buildArgs: Readonly<Record<string, string | undefined>>;
}

class StageReader {
  readonly #uses = new Map<string, ContextUse>();
  readonly #images = new Set<string>();
  readonly #escape: string;
  /** Variables at the end of each stage, by its index: a stage that starts from it inherits them. */
  readonly #ends = new Map<number, ReadonlyMap<string, string>>();

  constructor(private readonly options: StageReaderOptions) {
    this.#escape = escapeCharacter(options.dockerfile.directives);
  }

  facts(): DockerfileFacts {
    return { uses: [...this.#uses.values()], images: [...this.#images] };
  }

  read({ stage, base, dependencies, triggers }: ResolvedStage): void {
    if (base.kind === 'image') this.#images.add(base.reference);
    const inherited = base.kind === 'stage' ? this.#ends.get(base.index) : undefined;
    const variables = new Map(inherited ?? []);
    for (const instruction of [...triggers, ...stage.instructions]) {
      switch (instruction.kind) {
        case 'ARG':
          for (const { key, defaultValue } of instruction.args) this.#declare(variables, key, defaultValue);
          break;
        case 'ENV':
          for (const { key, value } of instruction.variables) this.#set(variables, key, value);
          break;
        case 'COPY':
        case 'ADD':
          this.#readCopy(instruction, variables);
          break;
        case 'RUN':
          this.#readMounts(instruction, variables);
          break;
        default:
      }
    }
    this.#ends.set(stage.index, variables);
    for (const { instruction, mount, source } of dependencies) {
      if (source.kind !== 'image') continue;
      this.#images.add(source.reference);
      // It may be the name of a directory, which the options of the target tell.
      const context = source.reference.toLowerCase();
      if (instruction.kind === 'COPY') this.#addSources(instruction, variables, context);
      if (instruction.kind === 'RUN') this.#add(instruction.mounts[mount ?? 0]?.source ?? '.', variables, context);
    }
  }

  #declare(variables: Map<string, string>, key: string, defaultValue: string | undefined): void {
    if (key in this.options.buildArgs) {
      const given = this.options.buildArgs[key];
      if (given === undefined) variables.delete(key);
      else variables.set(key, given);
    } else if (defaultValue !== undefined) this.#set(variables, key, defaultValue);
    else {
      const global = this.options.globalArgs.get(key);
      if (global !== undefined) variables.set(key, global);
    }
  }

  #set(variables: Map<string, string>, key: string, value: string): void {
    const expansion = processWord(value, variables, { escape: this.#escape });
    if (expansion.kind === 'expanded' && expansion.unmatched.size === 0) variables.set(key, expansion.value);
    else variables.delete(key);
  }

  #readCopy(instruction: CopyInstruction, variables: ReadonlyMap<string, string>): void {
    if (instruction.from === undefined) this.#addSources(instruction, variables);
  }

  #addSources({ sources }: CopyInstruction, variables: ReadonlyMap<string, string>, context?: string): void {
    for (const source of sources) if (source.kind === 'path') this.#add(source.path, variables, context);
  }

  #readMounts({ mounts }: RunInstruction, variables: ReadonlyMap<string, string>): void {
    for (const { type, from = '', source = '.' } of mounts) {
      if (type === 'bind' && from === '') this.#add(source, variables);
    }
  }

  #add(text: string, variables: ReadonlyMap<string, string>, context?: string): void {
    const expansion = processWord(text, variables, { escape: this.#escape, skipUnsetEnv: true });
    const value = expansion.kind === 'expanded' ? expansion.value : '.';
    const open = expansion.kind === 'failed' || expansion.unmatched.size > 0;
    if (!open && isRemote(value)) return;
    const path = cleanPath(cleanPath(`/${open ? beforeVariable(value) : value}`).slice(1));
    const use = { path, ...(context === undefined ? {} : { context }) };
    this.#uses.set(`${context ?? ''} ${path}`, use);
  }
}

/** The directory above the first name with a variable in it. */
function beforeVariable(path: string): string {
  const names = path.split('/');
  const first = names.findIndex((name) => name.includes('$'));
  return names.slice(0, first < 0 ? 0 : first).join('/');
}
