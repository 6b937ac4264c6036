import { unreachable } from '../diagnostics/unreachable';
import type {
  ArgInstruction,
  CommandInstruction,
  CommandLine,
  CopyInstruction,
  EnvInstruction,
  ExposeInstruction,
  HealthcheckInstruction,
  Instruction,
  LabelInstruction,
  RunInstruction,
  StopSignalInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from '../dockerfile/ast';
import type { Healthcheck } from '../oci/image-config';
import { withShell } from './convert-run';
import { expandChecked, expandToWords } from './expansion';
import { parseExposedPorts } from './exposed-ports';
import { goDuration, goList, goQuoteList } from './go-format';
import { withConfig, withEnv } from './image-draft';
import { isSignal } from './signals';
import { commit, expansionOf, type StepContext } from './step-context';

/** Instructions that only change the image's config: they give a history entry and no vertex. */
export type MetadataInstruction = Exclude<Instruction, RunInstruction | CopyInstruction | WorkdirInstruction>;

export function convertMetadata(context: StepContext, instruction: MetadataInstruction): void {
  const { state } = context;
  switch (instruction.kind) {
    case 'ARG':
      convertArg(context, instruction);
      return;
    case 'ENV':
      convertEnv(context, instruction);
      return;
    case 'LABEL':
      convertLabel(context, instruction);
      return;
    case 'MAINTAINER':
      state.image = { ...state.image, author: instruction.maintainer };
      commit(context, `MAINTAINER ${instruction.maintainer}`, 'metadata');
      return;
    case 'USER': {
      const user = expandChecked(instruction.user, expansionOf(context, instruction));
      state.image = withConfig(state.image, { User: user });
      commit(context, `USER ${user}`, 'metadata');
      return;
    }
    case 'SHELL':
      state.image = withConfig(state.image, { Shell: instruction.shell });
      commit(context, `SHELL ${goList(instruction.shell)}`, 'metadata');
      return;
    case 'CMD':
    case 'ENTRYPOINT':
      convertCommand(context, instruction);
      return;
    case 'EXPOSE':
      convertExpose(context, instruction);
      return;
    case 'VOLUME':
      convertVolume(context, instruction);
      return;
    case 'STOPSIGNAL':
      convertStopSignal(context, instruction);
      return;
    case 'HEALTHCHECK':
      convertHealthcheck(context, instruction);
      return;
    case 'ONBUILD':
      state.image = withConfig(state.image, {
        OnBuild: [...(state.image.config?.OnBuild ?? []), instruction.expression],
      });
      return;
    default:
      return unreachable(instruction);
  }
}

/** Build arguments that BuildKit reads itself and keeps from the steps. */
const hiddenArgs: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** The value is that of the build argument, else the default, else the global one; without any, only the name counts. */
function convertArg(context: StepContext, instruction: ArgInstruction): void {
  const { state, build } = context;
  const { buildArgs, globalArgs } = build.settings;
  const words = instruction.args.map(({ key, defaultValue }) => {
    const given = buildArgs.get(key);
    const value =
      given ??
      (defaultValue === undefined
        ? globalArgs.get(key)
        : expandChecked(defaultValue, expansionOf(context, instruction)));
    if (value !== undefined && !hiddenArgs.has(key)) state.env = state.env.with(key, value);
    state.buildArgs = [...state.buildArgs, { key, value }];
    return value === undefined ? key : `${key}=${value}`;
  });
  commit(context, `ARG ${words.join(' ')}`, 'metadata');
}

/** All values see the variables as they were before the instruction. */
function convertEnv(context: StepContext, instruction: EnvInstruction): void {
  const { state } = context;
  const expansion = expansionOf(context, instruction);
  const pairs = instruction.variables.map(({ key, value }) => ({
    key: expandChecked(key, expansion),
    value: expandChecked(value, expansion),
  }));
  for (const { key, value } of pairs) {
    state.env = state.env.with(key, value);
    state.image = withEnv(state.image, key, value);
  }
  commit(context, ['ENV', ...pairs.map(({ key, value }) => `${key}=${value}`)].join(' '), 'metadata');
}

function convertLabel(context: StepContext, instruction: LabelInstruction): void {
  const { state } = context;
  const expansion = expansionOf(context, instruction);
  const labels = instruction.labels.map(
    ({ key, value }) => [expandChecked(key, expansion), expandChecked(value, expansion)] as const,
  );
  state.image = withConfig(state.image, { Labels: { ...state.image.config?.Labels, ...Object.fromEntries(labels) } });
  commit(context, ['LABEL', ...labels.map(([key, value]) => `${key}=${value}`)].join(' '), 'metadata');
}

/** An ENTRYPOINT drops the CMD of the base image, but not one of this stage. */
function convertCommand(context: StepContext, instruction: CommandInstruction): void {
  const { state } = context;
  const args = commandArgs(context, instruction.command);
  if (instruction.kind === 'CMD') {
    state.commandGiven = true;
    state.image = withConfig(state.image, { Cmd: args, ArgsEscaped: true });
  } else {
    const kept = state.commandGiven ? state.image.config?.Cmd : undefined;
    state.image = withConfig(state.image, { Entrypoint: args, Cmd: kept });
  }
  commit(context, `${instruction.kind} ${goQuoteList(args)}`, 'metadata');
}

function commandArgs({ state }: StepContext, command: CommandLine): readonly string[] {
  return command.form === 'exec' ? command.args : withShell(state.image, command.script);
}

function convertExpose(context: StepContext, instruction: ExposeInstruction): void {
  const { state, build } = context;
  const expansion = expansionOf(context, instruction);
  const ports = [...instruction.ports]
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap((word) => expandToWords(word, expansion))
    .flatMap((word) => {
      const parsed = parseExposedPorts(word);
      if (parsed.ok) return parsed.ports;
      const { range } = instruction;
      build.reporter.error({ code: 'DOCKERFILE_PORT', message: parsed.message, range, near: word });
      return [];
    });
  const exposed = Object.fromEntries(ports.map((port) => [port, {}]));
  state.image = withConfig(state.image, { ExposedPorts: { ...state.image.config?.ExposedPorts, ...exposed } });
  commit(context, `EXPOSE ${goList(ports)}`, 'metadata');
}

function convertVolume(context: StepContext, instruction: VolumeInstruction): void {
  const { state, build } = context;
  const expansion = expansionOf(context, instruction);
  const volumes = instruction.volumes.map((volume) => expandChecked(volume, expansion));
  if (volumes.includes('')) {
    const message = 'a VOLUME is empty once its variables are expanded';
    build.reporter.error({ code: 'DOCKERFILE_VOLUME', message, range: instruction.range });
  }
  const added = Object.fromEntries(volumes.map((volume) => [volume, {}]));
  state.image = withConfig(state.image, { Volumes: { ...state.image.config?.Volumes, ...added } });
  commit(context, `VOLUME ${goList(volumes)}`, 'metadata');
}

/** Stands in for one that cannot be expanded. */
const anySignal = 'SIGTERM';

function convertStopSignal(context: StepContext, instruction: StopSignalInstruction): void {
  const { state, build } = context;
  const signal = expandChecked(instruction.signal, expansionOf(context, instruction), anySignal);
  if (!isSignal(signal)) {
    const { range } = instruction;
    const message = `"${signal}" is no signal`;
    const hint = 'give a name such as SIGTERM, or a number';
    build.reporter.error({ code: 'DOCKERFILE_SIGNAL', message, hint, range, near: instruction.signal });
  }
  state.image = withConfig(state.image, { StopSignal: signal });
  commit(context, `STOPSIGNAL ${signal}`, 'metadata');
}

function convertHealthcheck(context: StepContext, instruction: HealthcheckInstruction): void {
  const { state } = context;
  const { command, intervalNs = 0, timeoutNs = 0, startPeriodNs = 0, startIntervalNs = 0, retries = 0 } = instruction;
  const test = healthcheckTest(command);
  const times = {
    Interval: intervalNs,
    Timeout: timeoutNs,
    StartPeriod: startPeriodNs,
    StartInterval: startIntervalNs,
  };
  const given = Object.fromEntries(Object.entries({ ...times, Retries: retries }).filter(([, value]) => value !== 0));
  state.image = withConfig(state.image, { Healthcheck: { Test: test, ...given } satisfies Healthcheck });
  const shown = Object.entries(times).map(([name, value]) => `${name}:${goDuration(value)}`);
  commit(context, `HEALTHCHECK {${[`Test:${goList(test)}`, ...shown, `Retries:${retries}`].join(' ')}}`, 'metadata');
}

function healthcheckTest(command: CommandLine | undefined): readonly string[] {
  if (command === undefined) return ['NONE'];
  return command.form === 'exec' ? ['CMD', ...command.args] : ['CMD-SHELL', command.script];
}
