import type { CopyInstruction } from '../dockerfile/ast';
import { heredocText } from '../dockerfile/heredoc';
import { mainContext } from './build-state';
import { parseChmod, parseOwner, unknownName } from './copy-options';
import { copyPart, isRemote, plainPart, type CopyPart } from './copy-source';
import { expandChecked, expandForDisplay, expandHeredoc } from './expansion';
import { InputList, type DraftEdge } from './graph';
import { inlineFile, noTimestamp } from './inline-file';
import type { CopyAction, FileOwner } from './operation';
import { joinPath, resolveDestination } from './posix-path';
import { stageLabel } from './stage-node';
import { commit, expansionOf, isBaseUnknown, stepName, workingDirectory, type StepContext } from './step-context';
import { capitaliseInstruction } from './vertex-name';

const inlineFileMode = 0o644;

/** A COPY or ADD with its variables expanded. `--exclude` has none, as in BuildKit. */
interface ExpandedCopy {
  readonly paths: readonly string[];
  readonly destination: string;
  readonly chown: string;
  readonly chmod: string;
  readonly checksum: string;
}

export function convertCopy(context: StepContext, instruction: CopyInstruction): void {
  const { node, state } = context;
  const copy = expandCopy(context, instruction);
  const text = displayText(context, instruction);
  const title = stepName(context, text);
  const parts = collectParts(context, instruction, { copy, title });
  const isLinked = instruction.link && copy.chmod === '';
  const vertex = {
    stage: node.stage && stageLabel(node.stage),
    line: instruction.range.line,
    ignoreCache: node.ignoreCache,
  };
  const base = isLinked ? undefined : state.edge;
  const copied = addCopy(context, instruction, { copy, parts, base, name: title, vertex });
  state.edge =
    isLinked && state.edge !== undefined ? addMerge(context, { copied, base: state.edge, text, vertex }) : copied;
  commit(context, `${historyText(instruction, copy)} # buildkit`, 'layer');
}

function expandCopy(context: StepContext, instruction: CopyInstruction): ExpandedCopy {
  const expansion = expansionOf(context, instruction);
  const expand = (word: string, fallback?: string): string => expandChecked(word, expansion, fallback);
  return {
    chown: expand(instruction.chown ?? ''),
    chmod: expand(instruction.chmod ?? '', ''),
    checksum: expand(instruction.checksum ?? '', ''),
    paths: instruction.sources.flatMap((source) => (source.kind === 'path' ? [expand(source.path)] : [])),
    destination: expand(instruction.destination),
  };
}

function displayText({ build, state }: StepContext, instruction: CopyInstruction): string {
  return capitaliseInstruction(expandForDisplay(instruction.source, state.env, { escape: build.settings.escape }));
}

/** What is copied, in the order that BuildKit uses: paths and URLs first, here-documents after them. */
function collectParts(
  context: StepContext,
  instruction: CopyInstruction,
  { copy, title }: { readonly copy: ExpandedCopy; readonly title: string },
): readonly CopyPart[] {
  if (copy.checksum !== '' && copy.paths.length !== 1) {
    const message = '--checksum takes exactly one source';
    context.build.reporter.error({
      code: 'DOCKERFILE_COPY_SOURCE',
      message,
      range: instruction.range,
      near: '--checksum',
    });
  }
  const from = sourceEdge(context, copy.paths);
  const remote = copy.paths.flatMap((path) => {
    return copyPart(path, { context, instruction, checksum: copy.checksum, from, title }) ?? [];
  });
  return [...remote, ...inlineParts(context, instruction)];
}

/** The stage or context that paths are copied from; notes which of its paths are needed. */
function sourceEdge({ build, step }: StepContext, paths: readonly string[]): DraftEdge | undefined {
  const [source] = step.sources;
  const local = paths.filter((path) => !isRemote(path)).map((path) => joinPath('/', path));
  if (source !== undefined) {
    for (const path of local) source.usedPaths.add(path);
    return source.state?.edge;
  }
  for (const path of local) build.contextPaths.addMain(path);
  return local.length === 0 ? undefined : mainContext(build);
}

function inlineParts(context: StepContext, instruction: CopyInstruction): readonly CopyPart[] {
  return instruction.sources.flatMap((source) => {
    if (source.kind === 'path') return [];
    const { heredoc } = source;
    const text = heredocText(heredoc);
    const content = heredoc.expand ? expandHeredoc(text, expansionOf(context, instruction)) : text;
    const edge = inlineFile(context.build, { name: heredoc.name, content, mode: inlineFileMode });
    return [plainPart(edge, joinPath('/', heredoc.name))];
  });
}

type VertexProperties = {
  readonly stage: string | undefined;
  readonly line: number;
  readonly ignoreCache: boolean;
};

interface AddCopyOptions {
  readonly copy: ExpandedCopy;
  readonly parts: readonly CopyPart[];
  readonly base: DraftEdge | undefined;
  readonly name: string;
  readonly vertex: VertexProperties;
}

/** One file operation with an action for each part, each upon the result of the one before. */
function addCopy(context: StepContext, instruction: CopyInstruction, options: AddCopyOptions): DraftEdge {
  const { copy, parts, base, name, vertex } = options;
  const { state, build } = context;
  const inputs = new InputList();
  const baseIndex = inputs.indexOf(base);
  const partIndexes = parts.map((part) => inputs.indexOf(part.edge));
  const chmod = parseChmod(copy.chmod);
  if (!chmod.ok) {
    const { range } = instruction;
    build.reporter.error({ code: 'DOCKERFILE_CHMOD', message: chmod.message, range, near: '--chmod' });
  }
  const owner = copy.chown === '' ? undefined : parseOwner(copy.chown, baseIndex);
  if (owner) checkOwner(context, instruction, { owner, isLinked: instruction.link && copy.chmod === '' });
  const shared = {
    dest: resolveDestination(workingDirectory(state), copy.destination),
    mode: chmod.ok ? chmod.mode : 0,
    ...(chmod.ok && chmod.modeString !== undefined && { modeString: chmod.modeString }),
    createDestPath: true,
    alwaysReplaceExistingDestPaths: false,
    excludePatterns: instruction.exclude,
    ...(owner && { owner }),
    timestamp: noTimestamp,
  };
  const actions = parts.map((part, index): CopyAction => ({
    kind: 'copy',
    input: index === 0 ? baseIndex : inputs.edges.length + index - 1,
    secondaryInput: partIndexes[index] ?? -1,
    output: index === parts.length - 1 ? 0 : -1,
    ...part.settings,
    ...shared,
  }));
  return build.graph.add({ operation: { kind: 'file', actions }, inputs: inputs.edges, name, ...vertex });
}

function checkOwner(
  context: StepContext,
  { range }: CopyInstruction,
  { owner, isLinked }: { readonly owner: FileOwner; readonly isLinked: boolean },
): void {
  const name = unknownName(owner);
  if (name === undefined || (!isLinked && isBaseUnknown(context))) return;
  const why = isLinked ? 'a copy with --link does not see' : 'scratch has not';
  context.build.reporter.error({
    code: 'DOCKERFILE_OWNER',
    message: `"${name}" is looked up in /etc/passwd and /etc/group of the image, which ${why}`,
    range,
    near: '--chown',
    hint: 'give numbers, such as --chown=1000:1000',
  });
}

interface AddMergeOptions {
  readonly copied: DraftEdge;
  readonly base: DraftEdge;
  readonly text: string;
  readonly vertex: VertexProperties;
}

/** `--link`: the copy was made on nothing, so that it depends on nothing below it, and is now laid on top. */
function addMerge({ build, naming, node, state }: StepContext, options: AddMergeOptions): DraftEdge {
  return build.graph.add({
    operation: { kind: 'merge', inputs: [0, 1] },
    inputs: [options.base, options.copied],
    name: naming.sameNumber(node, `LINK ${options.text}`, state.env),
    ...options.vertex,
  });
}

function historyText(instruction: CopyInstruction, copy: ExpandedCopy): string {
  const words = [
    instruction.kind,
    instruction.parents ? '--parents' : '',
    copy.chown === '' ? '' : `--chown=${copy.chown}`,
    copy.chmod === '' ? '' : `--chmod=${copy.chmod}`,
  ].filter((word) => word !== '');
  const inline = instruction.sources.flatMap((source) =>
    source.kind === 'heredoc' ? [`<<${source.heredoc.name}`] : [],
  );
  return [...words, ...copy.paths, ...inline, copy.destination].join(' ');
}
