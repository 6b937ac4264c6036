import type * as ZstdWasm from '@bokuweb/zstd-wasm';

/** zstd compiled to WebAssembly, ready for use. Only whole frames; it has no streaming. */
export type LoadedZstdWasm = Pick<typeof ZstdWasm, 'compress' | 'decompress'>;

/**
 * The WebAssembly module of this thread. It is the package that keeps one instance per thread, and a second
 * initialisation would replace it under a call that is running: so this promise is kept, too.
 */
class ThreadModule {
  #loaded: Promise<LoadedZstdWasm> | undefined;

  load(): Promise<LoadedZstdWasm> {
    this.#loaded ??= this.#initialize();
    return this.#loaded;
  }

  async #initialize(): Promise<LoadedZstdWasm> {
    // Loading it costs milliseconds and memory, which a Node with its own zstd saves.
    const zstd = await import('@bokuweb/zstd-wasm');
    await zstd.init();
    return zstd;
  }
}

const threadModule = new ThreadModule();

export function loadZstdWasm(): Promise<LoadedZstdWasm> {
  return threadModule.load();
}
