import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Builder } from './testing/builder';
import { createHostRoot } from './testing/host-root';
import { pullWithSkopeo, type PulledImage } from './testing/pulled-image';
import { needs, output } from './testing/parts';

const skip = needs('skopeo', 'tar');

/** Builds a Dockerfile on a base of the machine's programs and reads the image with skopeo. */
async function image(builder: Builder, dockerfile: string, changes: object = {}): Promise<PulledImage> {
  await mkdir(builder.path('host'), { recursive: true });
  await createHostRoot(builder.path('host')).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  await builder.write({ Dockerfile: dockerfile });
  const built = await builder.build({
    buildContexts: { host: builder.path('host') },
    outputs: [`type=oci,tar=false,dest=${builder.path('image')}`],
    ...changes,
  });
  assert.equal(built.code, 0, built.output);
  return pullWithSkopeo(`oci:${builder.path('image')}`, builder.path('pulled'));
}

const base = 'FROM scratch AS base\nCOPY --from=host . /\n';

test('heredocs, modifiers of variables, SHELL and HEALTHCHECK', { skip }, async (t) => {
  const builder = await Builder.create(t);
  const { content, config } = await image(
    builder,
    `# syntax=docker/dockerfile:1
# escape=\`
${base}FROM base
ARG NAME=archive.tar.gz EMPTY=
ENV STEM=\${NAME%.gz} LONGEST=\${NAME##*.} SWAPPED=\${NAME/tar/zip} OR=\${EMPTY:-else} AND=\${NAME:+set}
RUN <<END
echo one > /seen
echo "$STEM $LONGEST" >> /seen
END
COPY <<"RAW" <<COOKED /texts/
$NAME
RAW
$NAME
COOKED
SHELL ["/bin/sh", "-ec"]
RUN echo "$-" > /shell; \`
    : continued
HEALTHCHECK --interval=5s --retries=2 CMD cat /seen
STOPSIGNAL SIGQUIT
VOLUME /data
`,
  );
  assert.equal(content('seen'), 'one\narchive.tar gz\n');
  assert.equal(content('texts/RAW'), '$NAME\n');
  assert.equal(content('texts/COOKED'), 'archive.tar.gz\n');
  assert.match(content('shell'), /e/);
  const env = config.config['Env'] as readonly string[];
  for (const one of ['STEM=archive.tar', 'LONGEST=gz', 'SWAPPED=archive.zip.gz', 'OR=else', 'AND=set']) {
    assert.ok(env.includes(one), `${one} in ${env.join(' ')}`);
  }
  assert.deepEqual(config.config['Healthcheck'], {
    Test: ['CMD-SHELL', 'cat /seen'],
    Interval: 5_000_000_000,
    Retries: 2,
  });
  assert.equal(config.config['StopSignal'], 'SIGQUIT');
  assert.deepEqual(config.config['Volumes'], { '/data': {} });
});

test(
  'COPY with --parents, --exclude, --chmod by letters and --link, under an ignore file with exceptions',
  { skip },
  async (t) => {
    const builder = await Builder.create(t);
    await builder.write({
      '.dockerignore': '**/*.log\n!keep/*.log\n',
      'src/a/one.ts': '1',
      'src/a/one.spec.ts': '2',
      'src/b/two.ts': '3',
      'src/b/two.log': '4',
      'keep/kept.log': '5',
    });
    const { files } = await image(
      builder,
      `FROM scratch
COPY --parents src/*/*.ts /parents/
COPY --exclude=**/*.spec.ts src /excluded/
COPY --chmod=u=rwX,go=rX,o-r --chown=5:6 src/a /letters/
COPY --link keep src/b /linked/
`,
    );
    const names = [...files.keys()].filter((path) => files.get(path)?.startsWith('-'));
    assert.deepEqual(names.sort(), [
      'excluded/a/one.ts',
      'excluded/b/two.ts',
      'letters/one.spec.ts',
      'letters/one.ts',
      'linked/kept.log',
      'linked/two.ts',
      'parents/src/a/one.spec.ts',
      'parents/src/a/one.ts',
      'parents/src/b/two.ts',
    ]);
    assert.equal(files.get('letters/one.ts'), '-rw-r----- 5/6');
  },
);

test('ADD unpacks archives and fetches URLs whose checksum it checks', { skip }, async (t) => {
  const builder = await Builder.create(t);
  await builder.write({ 'in/deep/file': 'packed' });
  output('tar', '-C', `${builder.workspace}/in`, '-czf', `${builder.workspace}/a.tgz`, '.');
  const archive = await readFile(`${builder.workspace}/a.tgz`);
  const server = createServer((_request, response) => response.end(archive)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/name.tgz`;
  const checksum = `sha256:${createHash('sha256').update(archive).digest('hex')}`;
  const dockerfile = (sum: string): string =>
    `FROM scratch\nADD a.tgz /unpacked/\nADD --checksum=${sum} ${url} /fetched/\n`;
  const { files, content } = await image(builder, dockerfile(checksum));
  assert.equal(content('unpacked/deep/file'), 'packed');
  assert.equal(files.get('fetched/name.tgz'), '-rw------- 0/0');

  await writeFile(`${builder.workspace}/Dockerfile`, dockerfile(`sha256:${'0'.repeat(64)}`));
  const refused = await builder.build({ outputs: [`type=tar,dest=${builder.path('no.tar')}`] }, { state: 'other' });
  assert.equal(refused.code, 1, refused.output);
  assert.match(refused.output, new RegExp(checksum));
});

test('ONBUILD of a base image runs in what is built on it', { skip }, async (t) => {
  const builder = await Builder.create(t);
  await image(builder, `${base}ONBUILD COPY here /there\nONBUILD RUN echo done > /by-onbuild\n`);
  await builder.write({ here: 'copied' });
  const { content } = await image(builder, 'FROM parent\nRUN cat /by-onbuild > /seen\n', {
    buildContexts: { parent: `oci-layout://${builder.path('image')}` },
    outputs: [`type=oci,tar=false,dest=${builder.path('child')}`],
  }).then(() => pullWithSkopeo(`oci:${builder.path('child')}`, builder.path('pulled-child')));
  assert.equal(content('there'), 'copied');
  assert.equal(content('seen'), 'done\n');
});
