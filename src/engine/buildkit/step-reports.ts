import type { BuildRequest, CacheExportReport, StepOutcome, StepReport } from '../contract';
import { targetPrefix } from './solve-target';
import { exportedStages } from './stage-targets';
import type { LoggedVertex } from './status-log';

/** Vertices about the build and not of it. A context is none of them: it is read each time, to see what changed. */
const besides =
  /^(?:\[internal\] (?!load build context)|\[auth\]|importing cache|exporting |pushing |preparing build cache|resolving provenance|resolve image config|sending tarball|merging manifest|waiting for|booting|remote:\/\/)/;

/** The steps of a build for its table. */
export function stepReports(vertices: readonly LoggedVertex[]): readonly StepReport[] {
  return inputsFirst(vertices)
    .filter(({ event }) => event.name !== '' && !besides.test(withoutTarget(event.name)))
    .map(({ event, durationMs, downloads }) => {
      const name = withoutTarget(event.name);
      const stage = stageOf(name);
      return {
        vertex: event.digest,
        name,
        outcome: outcomeOf(event),
        durationMs,
        bytes: [...downloads.values()].reduce((sum, bytes) => sum + bytes, 0),
        ...(stage !== undefined && { stage }),
      };
    });
}

/** As the embedded engine has them: what a step stands on comes before it. */
function inputsFirst(vertices: readonly LoggedVertex[]): readonly LoggedVertex[] {
  const byDigest = new Map(vertices.map((vertex) => [vertex.event.digest, vertex]));
  const ordered = new Set<LoggedVertex>();
  const stack = [...vertices].reverse().map((vertex) => ({ vertex, isOpen: false }));
  const seen = new Set<LoggedVertex>();
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { vertex, isOpen } = top;
    if (isOpen) ordered.add(vertex);
    if (isOpen || seen.has(vertex)) continue;
    seen.add(vertex);
    stack.push({ vertex, isOpen: true });
    for (const digest of [...vertex.event.inputs].reverse()) {
      const input = byDigest.get(digest);
      if (input) stack.push({ vertex: input, isOpen: false });
    }
  }
  return [...ordered];
}

export function outcomeOf({ cached, error, started, completed }: LoggedVertex['event']): StepOutcome {
  if (error !== undefined) return /context canceled|canceled:/i.test(error) ? 'canceled' : 'failed';
  if (cached === true) return 'hit';
  if (completed !== undefined) return 'executed';
  return started === undefined ? 'not-needed' : 'canceled';
}

/** `[nxrc-image build 2/3] RUN x` without the target's name, which stands there if there are several. */
export function withoutTarget(name: string): string {
  const rest = new RegExp(`^\\[${targetPrefix}[a-z0-9-]+(\\]?) +(.*)$`, 's').exec(name);
  if (rest === null) return name;
  const [, bracket = '', text = ''] = rest;
  return bracket === '' ? `[${text}` : text;
}

/** The stage in `[linux/arm64 build 2/3] RUN x`; a Dockerfile of one stage has no name for it. */
export function stageOf(name: string): string | undefined {
  const inside = /^\[([^\]]*?) *\d+\/\d+\] /.exec(name)?.[1];
  if (inside === undefined) return undefined;
  const words = inside.split(' ').filter((word) => word !== '' && !/^[a-z0-9]+\/[a-z0-9]/.test(word));
  return words.at(-1) ?? 'stage-0';
}

/** What became of each cache that the request exports. BuildKit tells layers, but not their bytes. */
export function cacheExportReports(
  request: BuildRequest,
  vertices: readonly LoggedVertex[],
): readonly CacheExportReport[] {
  const exporting = vertices.filter(({ event }) => /^(?:\[[^\]]*\] )?exporting cache/.test(event.name));
  const layers = new Set(exporting.flatMap(({ tasks }) => [...tasks].filter((id) => id.startsWith('writing layer '))));
  const error = exporting.find(({ event }) => event.error !== undefined)?.event.error;
  const durationMs = Math.max(0, ...exporting.map((vertex) => vertex.durationMs));
  const targets = [...request.cacheTo, ...exportedStages(request).map(({ cache }) => cache.target)];
  return targets.map((target) => ({
    location: target.destination.location,
    layers: layers.size,
    durationMs,
    ...(error !== undefined && target.ignoreError && { error }),
  }));
}
