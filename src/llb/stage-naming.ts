import type { Environment } from './environment';
import { formatPlatform, normalizePlatform, parsePlatform, type Platform } from '../oci/platform';
import { rootOf, stageLabel, type StageNode } from './stage-node';
import { vertexName, type VertexNaming } from './vertex-name';

export interface StageNamingOptions {
  /** The Dockerfile has one stage and nothing else: its vertices carry no stage name. */
  readonly isSingleStage: boolean;
  /** Show platforms, as several are built at once. */
  readonly showPlatforms: boolean;
  readonly targetPlatform: Platform;
}

/** Numbers and names the vertices of each stage. */
export class StageNaming {
  readonly #numbers = new Map<StageNode, number>();

  constructor(readonly options: StageNamingOptions) {}

  /** The next name in `node`: `[deps 2/4] COPY …`. `env` is there for the platform that the step builds for. */
  name(node: StageNode, text: string, env: Environment | undefined): string {
    const total = countSteps(node);
    if (total === 0) return text;
    const number = (this.#numbers.get(node) ?? 0) + 1;
    this.#numbers.set(node, number);
    return vertexName(this.#naming(node, total, env), number, text);
  }

  /** `text` under the number of the last name. */
  sameNumber(node: StageNode, text: string, env: Environment | undefined): string {
    const total = countSteps(node);
    return vertexName(this.#naming(node, total, env), this.#numbers.get(node) ?? 1, text);
  }

  #naming(node: StageNode, total: number, env: Environment | undefined): VertexNaming {
    const { isSingleStage, showPlatforms, targetPlatform } = this.options;
    const platform = rootOf(node).resolved?.platform ?? node.platform ?? targetPlatform;
    return {
      label: isSingleStage || node.stage === undefined ? '' : stageLabel(node.stage),
      total,
      ...(showPlatforms && { platform: formatPlatform(platform) + crossTarget(platform, env) }),
    };
  }
}

/** Steps that make a vertex: the base image, and each RUN, COPY, ADD and WORKDIR. */
function countSteps(node: StageNode): number {
  if (node.stage === undefined || node.replacement !== undefined) return 0;
  const hasImage = node.base === undefined && node.baseName !== 'scratch';
  // A trigger of the base image counts whatever it is, as it does in BuildKit.
  const steps = node.steps.filter(({ instruction, onbuild }) => onbuild || countedKinds.has(instruction.kind));
  return steps.length + (hasImage ? 1 : 0);
}

const countedKinds: ReadonlySet<string> = new Set(['RUN', 'COPY', 'ADD', 'WORKDIR']);

/** `->arm64` for a step that builds for another platform than it runs on. */
function crossTarget(platform: Platform, env: Environment | undefined): string {
  const target = env && targetFrom(env, platform);
  if (target === undefined) return '';
  if (target.os !== platform.os) return `->${formatPlatform(target)}`;
  if (target.architecture === platform.architecture) return '';
  return `->${target.architecture}${target.variant === undefined ? '' : `/${target.variant}`}`;
}

function targetFrom(env: Environment, platform: Platform): Platform | undefined {
  const whole = env.get('TARGETPLATFORM');
  const parsed = whole === undefined ? undefined : parsePlatform(whole);
  if (parsed?.ok) return parsed.platform;
  const os = env.get('TARGETOS');
  const architecture = env.get('TARGETARCH');
  const variant = env.get('TARGETVARIANT');
  if (os === undefined && architecture === undefined && variant === undefined) return undefined;
  return normalizePlatform({
    os: os || platform.os,
    architecture: architecture || platform.architecture,
    ...(variant !== undefined && variant !== '' && { variant }),
  });
}
