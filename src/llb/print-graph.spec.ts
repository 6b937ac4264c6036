import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/digest';
import { printGraph } from './print-graph';
import { convertText } from './testing/convert-text';

test('a graph as text', async () => {
  const text = [
    'FROM base AS deps',
    'WORKDIR /w',
    'RUN --mount=type=cache,target=/c,id=npm --mount=type=secret,id=t --mount=target=/x,source=s npm "ci"',
    'FROM scratch',
    'COPY --from=deps --chown=5 --chmod=0644 /w /w/',
    'COPY --link <<EOF /f',
    'text',
    'EOF',
    'ADD --exclude=*.md https://host/a.txt /a/',
  ].join('\n');
  const { root, diagnostics } = await convertText(text, { excludePatterns: ['node_modules'], noCache: ['deps'] });
  assert.deepEqual(diagnostics, []);
  const digest = digestOf('docker.io/library/base:latest');
  assert.equal(
    printGraph(root),
    `#1 [deps 1/3] FROM docker.io/library/base:latest@${digest}
   image docker.io/library/base:latest@${digest} linux/amd64 ${digest}
#2 [deps 2/3] WORKDIR /w
   inputs #1
   mkdir [0]: /w mode 0755
#3 [internal] load build context
   local context
     only ["s"]
     without ["node_modules"]
#4 [deps 3/3] RUN --mount=type=cache,target=/c,id=npm --mount=type=secret,id=t --mount=target=/x,source=s npm "ci" (no cache)
   inputs #2 #3
   run ["/bin/sh","-c","npm \\"ci\\""]
     in /w
     env PATH=/usr/bin:/bin
     bind / from [0] is output 0
     cache /c id /npm shared
     bind /x from [1]/s read-only
     secret /run/secrets/t id t
#5 [stage-1 1/3] COPY --from=deps --chown=5 --chmod=0644 /w /w/
   inputs #4
   copy scratch + [0]: /w -> /w/ mode 0644 owner 5:
#6 [internal] preparing inline document
   mkfile scratch: /EOF mode 0644 5 bytes
#7 [stage-1 2/3] COPY --link <<EOF /f
   inputs #6
   copy scratch + [0]: /EOF -> /f
#8 [stage-1 2/3] LINK COPY --link <<EOF /f
   inputs #5 #7
   merge [0,1]
#9 [stage-1 3/3] ADD --exclude=*.md https://host/a.txt /a/
   http https://host/a.txt as a.txt
#10 [stage-1 3/3] ADD --exclude=*.md https://host/a.txt /a/
   inputs #8 #9
   copy [0] + [1]: /a.txt -> /a/ exclude ["*.md"]
=> #10
`,
  );
  assert.equal(printGraph(undefined), 'scratch\n');
});
