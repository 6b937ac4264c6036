import { CodedError } from '../../diagnostics/coded-error';
import { hasErrors, type Diagnostic } from '../../diagnostics/diagnostic';
import { parseDockerfile } from '../../dockerfile/parse';
import type { BuildRequest } from '../contract';
import type { LoggedVertex, StatusLog } from './status-log';
import { outcomeOf, stageOf, withoutTarget } from './step-reports';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** BuildKit refused or broke off the build, other than in a step. */
    BUILDKIT_FAILED: { readonly exitCode: number | null };
    /** The image was built, but not its cache written. */
    CACHE_EXPORT_FAILED: { readonly location: string };
  }
}

const maxTailLines = 20;

/** What a build's end says: its progress, and what the command printed besides. */
export interface FailedBuild {
  readonly request: BuildRequest;
  readonly log: StatusLog;
  readonly messages: readonly string[];
  readonly exitCode: number | null;
}

/** The error that users see: the step with the end of its output, the Dockerfile's mistakes, or BuildKit's own words. */
export function failureOf(failed: FailedBuild): CodedError {
  const vertex = failed.log.vertices.find(({ event }) => outcomeOf(event) === 'failed');
  const exporting = vertex && /(?:^|\] )exporting cache/.test(vertex.event.name);
  if (vertex && exporting) return exportFailure(vertex);
  if (vertex && stageOf(withoutTarget(vertex.event.name)) !== undefined) return stepFailure(vertex, failed);
  return dockerfileFailure(failed) ?? otherFailure(failed, vertex);
}

function stepFailure({ event, tail }: LoggedVertex, { messages, request }: FailedBuild): CodedError {
  const name = withoutTarget(event.name);
  const line = failingLine(messages);
  const message = event.error ?? '';
  const output = tail.toString('utf8').trimEnd().split(/\r?\n/).slice(-maxTailLines).join('\n');
  const place = line === undefined ? '' : ` (${request.dockerfile.path}:${line})`;
  const cause = exitOf(message);
  return new CodedError(
    'VERTEX_FAILED',
    `${name}${place}: ${cause?.message ?? message}${output === '' ? '' : `\n${output}`}`,
    { vertex: event.digest, name, stage: stageOf(name), line },
    cause && { cause },
  );
}

/** The words of BuildKit's executor for a command that failed. */
function exitOf(message: string): CodedError<'STEP_FAILED'> | undefined {
  const [, command = '', code] = /process "(.*)" did not complete successfully: exit code: (\d+)/s.exec(message) ?? [];
  if (code === undefined) return undefined;
  const exitCode = Number(code);
  const reason = exitCode > 128 ? 'signal' : 'exit-code';
  return new CodedError('STEP_FAILED', `the command "${command}" ended with exit code ${code}`, {
    command: [command],
    reason,
    exitCode,
  });
}

/** buildx and buildctl print the lines around the failing one under `Dockerfile:LINE`. */
function failingLine(messages: readonly string[]): number | undefined {
  const index = messages.findIndex((line, at) => /^\S.*:\d+$/.test(line) && /^-{5,}$/.test(messages[at + 1] ?? ''));
  const number = /:(\d+)$/.exec(messages[index] ?? '')?.[1];
  return number === undefined ? undefined : Number(number);
}

function exportFailure({ event }: LoggedVertex): CodedError {
  const location = /exporting cache to (.*)$/.exec(event.name)?.[1] ?? 'its target';
  return new CodedError(
    'CACHE_EXPORT_FAILED',
    `cannot export the cache to ${location}: ${event.error ?? ''}`,
    { location },
    { hint: 'the image may have been pushed already; ignore-error=true makes this a warning' },
  );
}

/** BuildKit tells the first mistake of a Dockerfile; ours are all of them, with their places. */
function dockerfileFailure({ request }: FailedBuild): CodedError | undefined {
  const { diagnostics } = parseDockerfile(request.dockerfile);
  if (!hasErrors(diagnostics)) return undefined;
  const errors: readonly Diagnostic[] = diagnostics.filter(({ severity }) => severity === 'error');
  const count = `${errors.length} ${errors.length === 1 ? 'mistake' : 'mistakes'}`;
  return new CodedError('BUILD_INPUT_INVALID', `${request.dockerfile.path} has ${count}`, { diagnostics: errors });
}

function otherFailure({ messages, exitCode }: FailedBuild, vertex: LoggedVertex | undefined): CodedError {
  const said = messages.findLast((line) => /^(?:ERROR|error): /.test(line)) ?? messages.findLast((line) => line !== '');
  const message = said?.replace(/^(?:ERROR|error): /, '') ?? vertex?.event.error;
  return new CodedError('BUILDKIT_FAILED', `BuildKit: ${message ?? `exit code ${exitCode ?? 'none'}`}`, { exitCode });
}
