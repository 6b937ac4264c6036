import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pushDebianBase, readHostSettings } from '../../e2e/testing/debian-base';
import { buildOnEmptyState, pushTo } from '../../e2e/testing/embedded-build';
import { mediaTypes } from '../../src/oci/media-types';

const clean =
  'rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log';

/**
 * Pushes a base image with Debian, its Node, and this machine's npm: made here, since the benchmark asks nothing of the
 * internet while it measures. Gives why there is none.
 */
export async function pushNodeBase(
  reference: string,
  { host, directory }: { readonly host: string; readonly directory: string },
): Promise<string | undefined> {
  const debian = `${host}/base/debian:1`;
  const reason = await pushDebianBase(debian, directory);
  if (reason !== undefined) return reason;
  const settings = await readHostSettings(directory);
  if (settings === undefined) return 'the app needs npm beside this Node';
  const context = join(directory, 'node-base');
  await mkdir(context);
  const text = `FROM ${debian}
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99host \\
    apt-get update -q && apt-get install -qy --no-install-recommends nodejs && ${clean}
COPY --from=npm / /opt/npm
`;
  const path = join(context, 'Dockerfile');
  await writeFile(path, text);
  await buildOnEmptyState(
    {
      context,
      dockerfile: { path, text },
      buildContexts: { npm: { type: 'directory', directory: settings.npm } },
      secrets: Object.entries(settings.secretFiles).map(([id, file]) => ({ id, from: { file } })),
      network: 'host',
      ...pushTo(reference),
    },
    { directory },
  );
  return undefined;
}

/** The reference with the digest of what its tag points at. Only for a registry on this machine that asks for no login. */
export async function pinned(reference: string): Promise<string> {
  const { host, pathname } = new URL(`http://${reference}`);
  const [repository = '', tag = ''] = pathname.slice(1).split(':');
  const url = `http://${host}/v2/${repository}/manifests/${tag}`;
  const { headers } = await fetch(url, { method: 'HEAD', headers: { accept: mediaTypes.ociManifest } });
  const digest = headers.get('docker-content-digest');
  if (digest === null) throw new Error(`${url} has no digest`);
  return `${reference}@${digest}`;
}
