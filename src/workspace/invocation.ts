import type { Platform } from '../oci/platform';
import type { ImageProject } from './project-images';

/** What Nx and the machine tell about one run of a target. Nothing in this room asks `process` itself. */
export interface Invocation {
  /** Absolute. */
  readonly workspaceRoot: string;
  readonly projectName: string;
  /** Name of the target that runs; it only names caches. */
  readonly targetName?: string;
  /** Relative to the workspace root; `.` for a project at the root. */
  readonly projectRoot: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory, for `~/` in paths of secrets and keys. */
  readonly homeDirectory: string;
  readonly hostPlatform: Platform;
  /** Nx's `defaultBase`, as `nx.json` has it. */
  readonly defaultBase?: string;
  /** All projects by name, for `nx-project:NAME`; without them there is no such image. */
  readonly projects?: Readonly<Record<string, ImageProject>>;
}
