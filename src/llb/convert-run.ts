import type { Heredoc, RunInstruction } from '../dockerfile/ast';
import { heredocText, parseHeredocWord } from '../dockerfile/heredoc';
import type { ImageConfig } from '../oci/image-config';
import type { Environment } from './environment';
import { expandForDisplay } from './expansion';
import type { DraftEdge } from './graph';
import { InputList } from './graph';
import { inlineFile } from './inline-file';
import type { ExecOperation } from './operation';
import { joinPath } from './posix-path';
import { RunMounts } from './run-mounts';
import { stageLabel, type DeclaredArg } from './stage-node';
import { commit, stepName, workingDirectory, type StepContext } from './step-context';
import { capitaliseInstruction, describeRun } from './vertex-name';

const defaultShell: readonly string[] = ['/bin/sh', '-c'];

/** Where the script of a here-document with a `#!` line is mounted. */
const scriptDirectory = '/dev/pipes/';

/** A command, and the script that it runs if that is a file of its own. */
interface RunCommand {
  readonly args: readonly string[];
  readonly script?: DraftEdge;
}

export function convertRun(context: StepContext, instruction: RunInstruction): void {
  const { build, node, state, platform } = context;
  const { settings } = build;
  const { args, script } = runCommand(context, instruction);
  const mounts = new RunMounts(context, instruction);
  if (script !== undefined) {
    mounts.addBind({ dest: scriptDirectory, edge: script, selector: '/', readOnly: true });
  }
  mounts.addAll();
  const { env } = state;
  const name = stepName(context, displayText(context, instruction, mounts.maskSecrets(env)));
  if (settings.request.shmSizeBytes !== undefined && settings.request.shmSizeBytes > 0) {
    mounts.addTmpfs('/dev/shm', settings.request.shmSizeBytes);
  }
  const inputs = new InputList();
  // Every RUN may read any file of what it runs in.
  node.usedPaths.add('/');
  const operation: ExecOperation = {
    kind: 'exec',
    args,
    env: mounts.addAgent(env).toEntries(),
    cwd: workingDirectory(state),
    user: state.image.config?.User ?? '',
    ...(settings.hostname !== undefined && { hostname: settings.hostname }),
    extraHosts: settings.request.extraHosts ?? [],
    ...(settings.request.ulimits !== undefined && { ulimits: settings.request.ulimits }),
    ...(settings.request.cgroupParent !== undefined && { cgroupParent: settings.request.cgroupParent }),
    mounts: mounts.toOperation(state.edge, inputs),
    network: networkOf(instruction, settings.network),
    security: instruction.security ?? 'sandbox',
    secretEnv: mounts.secretEnv,
    ...(settings.proxyEnv !== undefined && { proxyEnv: settings.proxyEnv }),
    platform,
  };
  state.edge = build.graph.add({
    operation,
    inputs: inputs.edges,
    name,
    stage: node.stage && stageLabel(node.stage),
    line: instruction.range.line,
    ignoreCache: node.ignoreCache,
  });
  commit(context, `RUN ${historyCommand(args, state.buildArgs, env)} # buildkit`, 'layer');
}

function runCommand(context: StepContext, { command }: RunInstruction): RunCommand {
  if (command.form === 'exec') return { args: command.args };
  const { image } = context.state;
  const [first] = command.heredocs;
  if (first === undefined) return { args: withShell(image, command.script) };
  if (parseHeredocWord(command.script).kind !== 'heredoc') {
    return { args: withShell(image, restoreHeredocs(command.script, command.heredocs)) };
  }
  const text = heredocText(first);
  if (!text.startsWith('#!')) return { args: withShell(image, text) };
  const script = inlineFile(context.build, { name: first.name, content: text, mode: 0o755 });
  return { args: withShell(image, joinPath(scriptDirectory, first.name)), script };
}

/** The script with its here-documents, for the shell to read them. */
function restoreHeredocs(script: string, heredocs: readonly Heredoc[]): string {
  return script + heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`).join('');
}

/** A shell command as the arguments of the image's shell. */
export function withShell(image: ImageConfig, script: string): readonly string[] {
  const shell = image.config?.Shell ?? [];
  return [...(shell.length > 0 ? shell : defaultShell), script];
}

/** `--network=default` means the build's network, as if nothing were said. */
function networkOf({ network }: RunInstruction, usual: ExecOperation['network']): ExecOperation['network'] {
  return network === undefined || network === 'default' ? usual : network;
}

function displayText(context: StepContext, instruction: RunInstruction, env: Environment): string {
  const { escape } = context.build.settings;
  const expanded = expandForDisplay(describeRun(instruction), env, { escape, rawQuotes: true, skipUnsetEnv: true });
  return capitaliseInstruction(expanded);
}

/** The command after the ARGs that it could see: `|1 VERSION=2 /bin/sh -c make`. */
function historyCommand(args: readonly string[], buildArgs: readonly DeclaredArg[], env: Environment): string {
  const values = new Map(buildArgs.map(({ key, value }) => [key, env.get(key) ?? value ?? '']));
  const declared = [...values].map(([key, value]) => `${key}=${value}`);
  return [...(declared.length > 0 ? [`|${declared.length}`, ...declared] : []), ...args].join(' ');
}
