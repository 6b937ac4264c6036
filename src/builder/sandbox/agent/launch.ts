import type { SandboxRun } from '../../contract';
import type { ToolPaths } from '../tools';
import type { ImageUser } from './image-user';
import type { PreparedMount } from './prepared-mount';
import type { AgentIdentity } from './protocol';

/** All that starting a command takes, whatever starts it. */
export interface LaunchRequest {
  readonly tools: ToolPaths;
  readonly identity: AgentIdentity;
  /** A private directory for files of the launcher. */
  readonly directory: string;
  /** Unique on this machine. */
  readonly name: string;
  readonly root: string;
  readonly mounts: readonly PreparedMount[];
  readonly exec: SandboxRun['exec'];
  /** `KEY=value`, as the command gets it. */
  readonly env: readonly string[];
  /** Clean path of the working directory, which exists. */
  readonly cwd: string;
  readonly user: ImageUser;
  readonly shmSizeBytes: number;
}

/** A command line that runs the step's command, and how to deal with it. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  /** What the launcher complained about after a failure; undefined if the command itself ended like that. */
  failure(): string | undefined;
  /** Sends a signal to the command and everything that it started. `child` is the process of `program`. */
  kill(child: number, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Called when the command has ended, whatever way. */
  cleanUp(): void;
}
