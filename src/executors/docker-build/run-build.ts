import { formatDiagnostics } from '../../diagnostics/format-diagnostics';
import { SecretValues } from '../../engine/embedded/secrets';
import type { BuildOutcome, Engine } from '../../engine/contract';
import { createPrinter } from '../../progress/create-printer';
import { buildMetadata, writeMetadataFile } from '../../report/metadata';
import { createRedactor } from '../../report/redactor';
import { formatSummary } from '../../report/summary';
import { planBuild, type BuildPlan } from '../../workspace/build-plan';
import { cacheSecrets } from '../../workspace/cache-secrets';
import type { DockerBuildOptions } from '../../workspace/docker-build-options';
import { describeImage } from '../../workspace/image-file';
import type { Invocation } from '../../workspace/invocation';
import { describeFailure } from '../describe-failure';
import type { TaskHost } from '../executor-host';
import { isSet } from '../is-set';

/** What the process around a build gives, and how an engine is made: everything that a test replaces. */
export interface BuildHost extends Omit<TaskHost, 'temporaryDirectory'> {
  readonly createEngine: (plan: BuildPlan) => Promise<Engine>;
}

/** Checks options, builds, prints, writes the metadata file. Never throws: what goes wrong is printed. */
export async function runBuild(
  options: DockerBuildOptions,
  invocation: Invocation,
  host: BuildHost,
): Promise<{ readonly success: boolean }> {
  const cacheSecretValues = cacheSecrets(invocation.env);
  let redact = createRedactor(cacheSecretValues);
  const print = (text: string): void => host.write(`${redact(text)}\n`);
  try {
    const result = await planBuild(options, invocation);
    const diagnostics = result.ok ? result.warnings : result.diagnostics;
    if (diagnostics.length > 0) print(formatDiagnostics(diagnostics));
    if (!result.ok) return { success: false };
    const { plan } = result;
    const secrets = await SecretValues.read(plan.request.secrets, invocation.env);
    redact = createRedactor([...secrets.values(), ...cacheSecretValues]);
    const outcome = await build(plan, redact, invocation, host);
    const summary = summaryFor(plan, outcome, host);
    if (summary !== undefined) print(summary);
    if (plan.metadataFile !== undefined)
      await writeMetadataFile(plan.metadataFile, buildMetadata(plan.request, outcome));
    if (plan.imageFile !== undefined) await writeImageFile(plan.imageFile, plan, outcome);
    return { success: true };
  } catch (error) {
    print(describeFailure(error, { ...host, task: 'the build' }));
    return { success: false };
  }
}

async function writeImageFile(path: string, { request }: BuildPlan, outcome: BuildOutcome): Promise<void> {
  const image = describeImage(path, request, outcome);
  if (image !== undefined) await writeMetadataFile(path, { ...image });
}

async function build(
  plan: BuildPlan,
  redact: (text: string) => string,
  invocation: Invocation,
  host: BuildHost,
): Promise<BuildOutcome> {
  const printer = createPrinter({
    mode: plan.progress,
    isTerminal: host.isTerminal,
    isCi: isSet(invocation.env['CI']),
    size: host.terminalSize,
    write: host.write,
    now: host.now,
    redact,
  });
  try {
    const engine = await host.createEngine(plan);
    return await engine.build(plan.request, { progress: printer.sink, signal: host.signal });
  } finally {
    printer.close();
  }
}

/** Tools read `rawjson`, and `quiet` gives what `docker build --quiet` does: the image. */
function summaryFor(
  { progress, explain }: BuildPlan,
  outcome: BuildOutcome,
  { isTerminal, terminalSize }: BuildHost,
): string | undefined {
  if (progress === 'rawjson') return undefined;
  if (progress === 'quiet') return outcome.image?.digest;
  // A log has no width, and some terminals do not tell theirs.
  const { columns } = terminalSize();
  return formatSummary(outcome, { explain, ...(isTerminal && columns > 0 && { maxCharacters: columns }) });
}
