import { localFiles, LocalTree } from '../engine/embedded/local-tree';
import { SourceWorker, type SourceWorkerOptions } from '../engine/embedded/source-worker';
import { CodedError } from '../diagnostics/coded-error';
import type { Vertex } from '../llb/operation';
import type { Remote, SolverResult, Worker } from '../solver/contract';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A step would have to run, or layers to be read, to go on without a builder. Never leaves this room. */
    BUILDER_NEEDED: { readonly step: string };
  }
}

export interface ProbeWorkerOptions extends SourceWorkerOptions {
  /** Directories of the client by the name of their source. */
  readonly directories: ReadonlyMap<string, string>;
}

/** A result that a cache has; its layers are known, but not read. */
export class RemoteResult implements SolverResult {
  readonly id: string;

  constructor(readonly remote: Remote) {
    this.id = remote.descriptors.map(({ digest }) => digest).join(' ');
  }

  tree(): Promise<never> {
    return Promise.reject(builderNeeded('a cached result'));
  }
}

/** A worker that only finds out: it reads the client's files and asks what sources are, and refuses to run anything. */
export class ProbeWorker extends SourceWorker implements Worker<SolverResult> {
  readonly #options: ProbeWorkerOptions;

  constructor(options: ProbeWorkerOptions) {
    super(options);
    this.#options = options;
  }

  execute(vertex: Vertex): Promise<readonly SolverResult[]> {
    const { operation } = vertex;
    if (operation.kind === 'local') {
      return Promise.resolve([new LocalTree(vertex.digest, localFiles(operation, this.#options.directories))]);
    }
    if (operation.kind === 'image') {
      return Promise.resolve([new RemoteResult(this.#options.images.remoteOf(operation.manifest))]);
    }
    return Promise.reject(builderNeeded(vertex.name));
  }

  fromRemote(remote: Remote): Promise<SolverResult> {
    return Promise.resolve(new RemoteResult(remote));
  }
}

function builderNeeded(step: string): CodedError<'BUILDER_NEEDED'> {
  return new CodedError('BUILDER_NEEDED', `${step} needs a builder`, { step });
}
