import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CodedError } from '../../diagnostics/coded-error';
import type { BuildOutcome, BuildRequest, Engine, EngineOptions } from '../contract';
import { bakeArguments, bakeDefinition, needsBuildCommand } from './bake-command';
import { buildArguments } from './build-command';
import { buildctlArguments } from './buildctl-command';
import { cacheManifestsOf, imageOf, imageRefsOf, mainMetadata, readMetadata } from './build-metadata';
import { checkBuilder } from './check-builder';
import { failureOf } from './failure';
import { findBuilder, type FoundBuilder } from './find-builder';
import { runCommand } from './run-command';
import { parseSolveStatus } from './solve-status';
import { solveTargets } from './solve-target';
import { withNamedStages } from './stage-targets';
import { StatusLog } from './status-log';
import { cacheExportReports, stepReports } from './step-reports';

/** Lines besides the progress that are kept for messages of errors. */
const maxMessageLines = 500;

export interface BuildKitEngineSettings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Name of a builder of buildx; default the current one. */
  readonly builder?: string;
  /** The builder, if it has been found already. */
  readonly found?: FoundBuilder;
  /** From SIGINT to SIGKILL when a build is canceled. */
  readonly graceMs?: number;
}

/** Builds by BuildKit, through buildx or, without it, buildctl. One solve builds the image and exports all caches. */
export class BuildKitEngine implements Engine {
  readonly name = 'buildkit';

  constructor(private readonly settings: BuildKitEngineSettings) {}

  /**
   * Fails with `BUILDKIT_UNAVAILABLE`, `BUILDKIT_DRIVER` or `BUILD_INPUT_INVALID` before anything is built; then with
   * `VERTEX_FAILED`, `CACHE_EXPORT_FAILED` or `BUILDKIT_FAILED`.
   */
  async build(request: BuildRequest, options: EngineOptions): Promise<BuildOutcome> {
    const { env, builder, found } = this.settings;
    const call = options.signal ? { signal: options.signal } : {};
    const used = found ?? (await findBuilder({ env, ...call, ...(builder !== undefined && { builder }) }));
    checkBuilder(used, request);
    const directory = await mkdtemp(join(tmpdir(), 'nxrc-buildkit-'));
    try {
      return await this.#solve(await withNamedStages(request, directory), options, { used, directory });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async #solve(
    request: BuildRequest,
    options: EngineOptions,
    { used, directory }: { readonly used: FoundBuilder; readonly directory: string },
  ): Promise<BuildOutcome> {
    await makeDirectories(request);
    const metadataFile = join(directory, 'metadata.json');
    const { command, args } = await commandOf(request, used, { metadataFile, directory });
    const log = new StatusLog(options.progress);
    const messages: string[] = [];
    const result = await runCommand(command, args, {
      // The image is what the request says with every engine; a path that bake refuses was checked by us.
      env: { ...this.settings.env, BUILDX_NO_DEFAULT_ATTESTATIONS: '1', BUILDX_BAKE_ENTITLEMENTS_FS: '0' },
      ...(options.signal && { signal: options.signal }),
      ...(this.settings.graceMs !== undefined && { graceMs: this.settings.graceMs }),
      onErrorLine: (line) => {
        const status = parseSolveStatus(line);
        if (status) log.add(status);
        else if (messages.push(line) > maxMessageLines) messages.shift();
      },
    });
    if (result.kind !== 'ended') {
      throw new CodedError('BUILDKIT_UNAVAILABLE', `cannot start ${command}`, { builder: this.settings.builder });
    }
    if (result.exitCode !== 0) throw failureOf({ request, log, messages, exitCode: result.exitCode });
    const written = await readMetadata(metadataFile);
    const metadata = mainMetadata(written);
    const exports = cacheExportReports(request, log.vertices);
    for (const { location, error } of exports) {
      if (error === undefined) continue;
      log.warn({ kind: 'warning', code: 'CACHE_EXPORT_FAILED', message: `cache ${location}: ${error}` });
    }
    const manifests = cacheManifestsOf(written, request);
    return {
      ...imageOf(metadata),
      imageRefs: imageRefsOf(written, request),
      steps: stepReports(log.vertices),
      cacheExports: exports.map((report) => {
        const manifest = report.error === undefined ? manifests.get(report.location) : undefined;
        return manifest ? { ...report, manifest } : report;
      }),
      warnings: log.warnings,
      metadata,
    };
  }
}

/** buildx makes the directory of `type=local`, but not those of archives. */
async function makeDirectories({ outputs }: BuildRequest): Promise<void> {
  for (const output of outputs) {
    if ('destination' in output) await mkdir(dirname(output.destination), { recursive: true });
  }
}

async function commandOf(
  request: BuildRequest,
  used: FoundBuilder,
  { metadataFile, directory }: { readonly metadataFile: string; readonly directory: string },
): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  if (used.kind === 'buildctl') {
    return { command: 'buildctl', args: buildctlArguments(request, { host: used.host, metadataFile }) };
  }
  const targets = solveTargets(request, { canRewriteTimestamps: used.driver !== 'docker' });
  const [target] = targets;
  const options = { metadataFile, ...(used.builder !== undefined && { builder: used.builder }) };
  if (target && targets.length === 1 && needsBuildCommand(target)) {
    return { command: 'docker', args: buildArguments(target, options) };
  }
  const definitionFile = join(directory, 'bake.json');
  // Values of build arguments are in it.
  await writeFile(definitionFile, bakeDefinition(targets), { mode: 0o600 });
  return { command: 'docker', args: bakeArguments(targets, { ...options, definitionFile }) };
}
