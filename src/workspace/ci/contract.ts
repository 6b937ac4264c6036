/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What is built: as far as the CI system, or git on a laptop, tells. Branch names are as they are, unfit for tags. */
export interface ChangeContext {
  /** The CI system, or `git` outside of one. */
  readonly system: CiSystemName | 'git';
  /** The branch that is built; of a pull request its source branch. Undefined for a tag or a detached head. */
  readonly branch?: string;
  readonly tag?: string;
  readonly pullRequest?: PullRequest;
  /** The branch that others are made from, such as `main`. */
  readonly defaultBranch?: string;
  /** Whether the CI system protects the branch or tag from direct pushes; undefined if it does not say. */
  readonly isProtected?: boolean;
}

export interface PullRequest {
  /** The number or name that the CI system gives it. */
  readonly id: string;
  /** The branch that it is to be merged into. */
  readonly baseBranch?: string;
  /** Whether it comes from another repository; undefined if the CI system does not say. */
  readonly isFork?: boolean;
}

export type CiSystemName = 'github' | 'gitlab' | 'bitbucket' | 'azure' | 'circleci' | 'jenkins' | 'buildkite';

/** How one CI system describes what it builds. */
export interface CiSystem {
  readonly name: CiSystemName;
  /** Whether the variables are this system's. */
  readonly isPresent: (env: Environment) => boolean;
  /** `readEvent` gives the JSON document that the system left beside the job, if it leaves one. */
  readonly read: (env: Environment, readEvent: (path: string) => unknown) => Omit<ChangeContext, 'system'>;
}
