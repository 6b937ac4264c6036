/** Something that a Dockerfile takes from a directory of the client. */
export interface ContextUse {
  /** The named context it comes from, in lower case; undefined for the main one. */
  readonly context?: string;
  /**
   * Relative to the context, clean, with the wildcards of Dockerfiles; `.` for all of it. Where a variable could not be
   * resolved, the part before it.
   */
  readonly path: string;
}

/** What can be told about a build from its Dockerfile alone. */
export interface DockerfileFacts {
  readonly uses: readonly ContextUse[];
  /** Images that it starts or copies from, as written, variables replaced where that is possible. */
  readonly images: readonly string[];
}

/** A project of the workspace, as far as its own files tell. */
export interface WorkspaceProject {
  readonly name: string;
  /** Relative to the workspace root; `.` for the root. */
  readonly root: string;
  /** Targets that `project.json` or `package.json` declare, those of `project.json` winning. */
  readonly targets: Readonly<Record<string, DeclaredTarget>>;
}

/** The parts of a target's configuration that matter here; nothing in it is checked. */
export interface DeclaredTarget {
  readonly executor?: unknown;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly outputs?: unknown;
}

/** A Dockerfile that belongs to a project, and the target that builds it. */
export interface ProjectDockerfile {
  /** Relative to the workspace root. */
  readonly file: string;
  readonly project: WorkspaceProject;
  readonly targetName: string;
}
