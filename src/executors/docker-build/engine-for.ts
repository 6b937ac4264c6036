import { homedir } from 'node:os';
import type { Engine } from '../../engine/contract';
import { createEngine } from '../../engine/create-engine';
import { StageRefEngine } from '../../stage-refs/stage-ref-engine';
import type { BuildPlan } from '../../workspace/build-plan';

export interface EngineForOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** The engine that a plan asks for, behind stage refs if it has them. */
export async function engineFor(plan: BuildPlan, { env, signal }: EngineForOptions): Promise<Engine> {
  const { builder, stateDirectory } = plan;
  const named = builder === undefined ? {} : { builder };
  const engine = await createEngine({ choice: plan.engine, env, stateDirectory, signal, ...named });
  return behindStageRefs(engine, plan, env);
}

/** An engine behind the stage refs of a plan, if it has them. */
export function behindStageRefs(
  engine: Engine,
  { stageRefs, stateDirectory }: BuildPlan,
  env: EngineForOptions['env'],
): Engine {
  if (stageRefs === undefined) return engine;
  return new StageRefEngine(engine, { ...stageRefs, env, homeDirectory: homedir(), stateDirectory, now: Date.now });
}
