import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Reference } from '../../oci/reference';
import { RegistryClient } from '../../registry/registry-client';
import type { RegistryRepository } from '../../registry/registry-repository';
import { dockerCredentials } from '../../transport/docker-credentials';
import { readProxySettings } from '../../transport/proxy-rules';
import { Transport } from '../../transport/transport';

export interface RegistryStoresOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly insecure: readonly string[];
  readonly now: () => number;
}

/** The registries of one build: credentials, proxy and certificates as docker and Node find them. */
export class RegistryStores implements AsyncDisposable {
  private constructor(
    readonly transport: Transport,
    readonly client: RegistryClient,
  ) {}

  static async open({ env, homeDirectory, insecure, now }: RegistryStoresOptions): Promise<RegistryStores> {
    const certificates = env['NODE_EXTRA_CA_CERTS'];
    const extraCa = certificates ? await readFile(certificates, 'utf8').catch(() => undefined) : undefined;
    const transport = new Transport({
      credentials: dockerCredentials({ configDirectory: env['DOCKER_CONFIG'] ?? join(homeDirectory, '.docker'), env }),
      proxy: readProxySettings(env),
      insecureRegistries: insecure,
      now,
      ...(extraCa !== undefined && { extraCas: [extraCa] }),
    });
    return new RegistryStores(transport, new RegistryClient({ transport }));
  }

  repository(reference: Reference): RegistryRepository {
    return this.client.repository(reference);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.close();
  }
}
