import type { VerifyMode } from '../stage-refs/contract';
import type { CacheAccess, TrustPreset } from './trust';

/** One `type=…,key=value` option: buildx's string, or the same attributes as an object. */
export type AttributesOption = string | Readonly<Record<string, string | number | boolean>>;

/** Names with values; numbers and booleans are written as text. */
export type ValuesOption = Readonly<Record<string, string | number | boolean>>;

export const progressModes = ['auto', 'tty', 'plain', 'rawjson', 'quiet'] as const;
export type ProgressMode = (typeof progressModes)[number];

export const engineChoices = ['auto', 'embedded', 'buildkit'] as const;
export type EngineChoice = (typeof engineChoices)[number];

/** The options of the executor `docker-build`, as its `schema.json` describes them. */
export interface DockerBuildOptions {
  readonly context?: string;
  readonly file?: string;
  readonly target?: string;
  readonly buildArgs?: ValuesOption | readonly string[];
  readonly buildContexts?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly labels?: ValuesOption;
  readonly annotations?: ValuesOption | readonly string[];
  readonly platform?: string;
  readonly platforms?: readonly string[];
  readonly cache?: string;
  readonly trust?: TrustPreset;
  readonly untrustedCache?: string;
  readonly cacheAccess?: CacheAccess;
  readonly verify?: VerifyMode;
  readonly explain?: boolean;
  readonly dryRun?: boolean;
  readonly cacheFrom?: readonly AttributesOption[];
  readonly cacheTo?: readonly AttributesOption[];
  readonly strict?: boolean;
  readonly outputs?: readonly string[];
  readonly push?: boolean;
  readonly load?: boolean;
  readonly secrets?: readonly string[];
  readonly ssh?: readonly string[];
  readonly network?: 'default' | 'host' | 'none';
  readonly addHosts?: readonly string[];
  readonly ulimits?: readonly string[];
  readonly shmSize?: string | number;
  readonly cgroupParent?: string;
  readonly attest?: readonly string[];
  readonly provenance?: boolean | string;
  readonly sbom?: boolean | string;
  readonly allow?: readonly string[];
  readonly noCache?: boolean | readonly string[];
  readonly pull?: boolean;
  readonly sourceDateEpoch?: string | number;
  readonly insecureRegistries?: readonly string[];
  readonly metadataFile?: string;
  readonly imageFile?: string;
  readonly progress?: ProgressMode;
  readonly engine?: EngineChoice;
  readonly builder?: string;
  readonly stateDir?: string;
}
