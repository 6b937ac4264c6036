import type { Diagnostic } from '../diagnostics/diagnostic';

/** Where an instruction stands: lines count from 1, `endLine` is included (heredocs and continuations). */
export interface InstructionRange {
  readonly line: number;
  readonly endLine: number;
}

/**
 * A here-document: `expand` is false where its word was quoted; `chomp` for `<<-`.
 *
 * `content` is the body as written, tabs of a `<<-` included, because a RUN with several documents hands it to the
 * shell unchanged; `heredocText` gives what is left once the tabs are gone.
 */
export interface Heredoc {
  readonly name: string;
  readonly content: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  readonly fileDescriptor: number;
}

/** RUN, CMD, ENTRYPOINT and HEALTHCHECK take a shell string or an exec array. */
export type CommandLine =
  | { readonly form: 'shell'; readonly script: string; readonly heredocs: readonly Heredoc[] }
  | { readonly form: 'exec'; readonly args: readonly string[] };

export interface KeyValue {
  readonly key: string;
  /** Unexpanded, quotes still in place: expansion happens during conversion, where the variables are known. */
  readonly value: string;
  /** `ENV key value` of old. */
  readonly noDelimiter?: boolean;
}

export type MountSharing = 'shared' | 'private' | 'locked';

/**
 * A `--mount` as it was written, its values unexpanded. Attributes that are absent were not given, or have a variable in
 * a value that is no text (`uid=$UID`): `resolveRunMount` reads `text` again once variables are known.
 */
export interface RunMount {
  /** The value of the flag as written. */
  readonly text: string;
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  readonly target?: string;
  readonly source?: string;
  readonly from?: string;
  readonly readOnly?: boolean;
  readonly id?: string;
  readonly sharing?: MountSharing;
  readonly required?: boolean;
  /** Name of the environment variable for a secret. */
  readonly env?: string;
  /** Octal permission bits, parsed. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Bytes, for tmpfs. */
  readonly sizeBytes?: number;
}

/** One source of COPY or ADD: a path, a URL, a git repository or an inline file. All unexpanded. */
export type CopySource =
  { readonly kind: 'path'; readonly path: string } | { readonly kind: 'heredoc'; readonly heredoc: Heredoc };

interface InstructionBase {
  readonly range: InstructionRange;
  /** The instruction as written, continuations joined: what the history of the image says. */
  readonly source: string;
}

export interface ArgInstruction extends InstructionBase {
  readonly kind: 'ARG';
  readonly args: readonly { readonly key: string; readonly defaultValue?: string }[];
}
export interface EnvInstruction extends InstructionBase {
  readonly kind: 'ENV';
  readonly variables: readonly KeyValue[];
}
export interface LabelInstruction extends InstructionBase {
  readonly kind: 'LABEL';
  readonly labels: readonly KeyValue[];
}
export interface MaintainerInstruction extends InstructionBase {
  readonly kind: 'MAINTAINER';
  readonly maintainer: string;
}
export interface RunInstruction extends InstructionBase {
  readonly kind: 'RUN';
  readonly command: CommandLine;
  readonly mounts: readonly RunMount[];
  readonly network?: 'default' | 'none' | 'host';
  readonly security?: 'sandbox' | 'insecure';
}
export interface CopyInstruction extends InstructionBase {
  readonly kind: 'COPY' | 'ADD';
  readonly sources: readonly CopySource[];
  readonly destination: string;
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** ADD only. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}
export interface WorkdirInstruction extends InstructionBase {
  readonly kind: 'WORKDIR';
  readonly path: string;
}
export interface UserInstruction extends InstructionBase {
  readonly kind: 'USER';
  readonly user: string;
}
export interface ShellInstruction extends InstructionBase {
  readonly kind: 'SHELL';
  readonly shell: readonly string[];
}
export interface CommandInstruction extends InstructionBase {
  readonly kind: 'CMD' | 'ENTRYPOINT';
  readonly command: CommandLine;
}
export interface ExposeInstruction extends InstructionBase {
  readonly kind: 'EXPOSE';
  readonly ports: readonly string[];
}
export interface VolumeInstruction extends InstructionBase {
  readonly kind: 'VOLUME';
  readonly volumes: readonly string[];
}
export interface StopSignalInstruction extends InstructionBase {
  readonly kind: 'STOPSIGNAL';
  readonly signal: string;
}
export interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'HEALTHCHECK';
  /** Undefined for `HEALTHCHECK NONE`. */
  readonly command?: CommandLine;
  readonly intervalNs?: number;
  readonly timeoutNs?: number;
  readonly startPeriodNs?: number;
  readonly startIntervalNs?: number;
  readonly retries?: number;
}
export interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'ONBUILD';
  /** The instruction to run later, as text. */
  readonly expression: string;
}

export type Instruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | MaintainerInstruction
  | RunInstruction
  | CopyInstruction
  | WorkdirInstruction
  | UserInstruction
  | ShellInstruction
  | CommandInstruction
  | ExposeInstruction
  | VolumeInstruction
  | StopSignalInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;

export interface Stage {
  /** Position in the file, from 0. */
  readonly index: number;
  /** Lower-cased, as `AS name` names are compared without case. */
  readonly name?: string;
  /** What follows FROM, unexpanded. */
  readonly base: string;
  readonly platform?: string;
  readonly range: InstructionRange;
  readonly source: string;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** As the user would type it; goes into every diagnostic. */
  readonly path: string;
  readonly text: string;
  /** `# syntax=`, `# escape=`, `# check=`. */
  readonly directives: Readonly<Record<string, string>>;
  /** ARG instructions before the first FROM. */
  readonly metaArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
}

/** What a parse gives: the tree as far as it could be read, and everything that is wrong. */
export interface ParseResult {
  readonly dockerfile: Dockerfile;
  readonly diagnostics: readonly Diagnostic[];
}
