import { join } from 'node:path';

/** Where the embedded engine keeps what it may forget: everything below can be deleted between builds. */
export interface StateLayout {
  readonly root: string;
  /** Layers as uncompressed tars, by diffID. */
  readonly layers: string;
  /** Compressed layers, as an OCI layout. */
  readonly blobs: string;
  /** Manifests and configs of base images, as an OCI layout. */
  readonly images: string;
  /** Records of earlier builds. */
  readonly records: string;
  readonly cacheMounts: string;
  /** Unpacked layers and running steps. */
  readonly sandbox: string;
  readonly temporary: string;
}

export function stateLayout(root: string): StateLayout {
  const below = (name: string): string => join(root, name);
  return {
    root,
    layers: below('layers'),
    blobs: below('blobs'),
    images: below('images'),
    records: below('records'),
    cacheMounts: below('cache-mounts'),
    sandbox: below('sandbox'),
    temporary: below('tmp'),
  };
}
