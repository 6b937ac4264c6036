import { CodedError } from '../../diagnostics/coded-error';
import type { Diagnostic } from '../../diagnostics/diagnostic';
import type { BuildRequest } from '../contract';
import { completeBuilderHint, type FoundBuilder } from './find-builder';

/** Refuses what this builder cannot do, before it starts. Fails with `BUILDKIT_DRIVER` or `BUILD_INPUT_INVALID`. */
export function checkBuilder(builder: FoundBuilder, request: BuildRequest): void {
  refuse(builder.kind === 'buildctl' ? withoutBuildx(request) : withBuildx(request));
  if (builder.kind === 'buildctl' || builder.isComplete) return;
  const missing = neededOfDriver(request);
  if (missing === undefined) return;
  const { name, driver } = builder;
  throw new CodedError(
    'BUILDKIT_DRIVER',
    `the builder ${name} cannot ${missing}: its driver is ${driver}, without the containerd image store`,
    { builder: name, driver, missing },
    { hint: completeBuilderHint },
  );
}

function neededOfDriver({ cacheTo, stageCaches = [], platforms, outputs, attestations = [] }: BuildRequest) {
  if (cacheTo.length + stageCaches.length > 0) return 'export a cache';
  if (platforms.length > 1) return 'build several platforms';
  if (outputs.some(({ type }) => type === 'oci')) return 'write an OCI layout';
  return attestations.length > 0 ? 'attach attestations' : undefined;
}

function withBuildx(request: BuildRequest): readonly Diagnostic[] {
  const stages = (request.stageCaches ?? []).length > 0 || (request.imageRefs ?? []).length > 0;
  if (!stages || request.cgroupParent === undefined) return [];
  return [unsupported('cgroupParent', 'bake, which exports caches of stages, has no cgroup-parent')];
}

function withoutBuildx(request: BuildRequest): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  if (request.outputs.some(({ type }) => type === 'docker-load')) {
    found.push(unsupported('load', 'buildctl cannot load images into docker'));
  }
  if ((request.stageCaches ?? []).length > 0 || (request.imageRefs ?? []).length > 0) {
    found.push(unsupported('cache', 'buildctl cannot export caches of stages'));
  }
  return found;
}

function unsupported(option: string, message: string): Diagnostic {
  const hint = 'install docker buildx, or use engine: embedded';
  return { code: 'OPTION_NOT_SUPPORTED', severity: 'error', message, hint, location: { file: option } };
}

function refuse(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const message = 'this builder cannot do what the options ask for';
  throw new CodedError('BUILD_INPUT_INVALID', message, { diagnostics });
}
