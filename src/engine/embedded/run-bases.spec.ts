import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Edge, Vertex } from '../../llb/operation';
import { graphOf } from '../../solver/testing/fake-world';
import { baseInput, runBases } from './run-bases';

const dockerfile = `
FROM base AS deps
WORKDIR /repo
COPY package.json ./
RUN install
FROM deps AS build
COPY src /src
RUN compile
FROM base
WORKDIR /app
COPY --from=build /out /app
`;

function verticesOf(root: Edge): readonly Vertex[] {
  const found = new Set<Vertex>();
  const open = [root.vertex];
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    found.add(vertex);
    open.push(...vertex.inputs.map((input) => input.vertex));
  }
  return [...found];
}

test('what a RUN step runs in is a base, what is only copied is not', async () => {
  const root = await graphOf(dockerfile);
  const bases = runBases([root]);
  const names = verticesOf(root)
    .filter(({ digest }) => bases.has(digest))
    .map(({ name }) => name.replace(/^\[[^\]]*\] /, ''));
  const expected = ['RUN compile', 'COPY src /src', 'RUN install', 'COPY package.json ./', 'WORKDIR /repo'];
  assert.deepEqual(names.filter((name) => !name.startsWith('FROM')).sort(), [...expected].sort());
});

test('a COPY changes its base and only reads its source', async () => {
  const root = await graphOf('FROM base AS a\nRUN make\nFROM other\nCOPY --from=a /x /x\n');
  const base = baseInput(root.vertex);
  assert.match(root.vertex.inputs[base ?? -1]?.vertex.name ?? '', /FROM .*other/);
  assert.equal(baseInput((await graphOf('FROM scratch\nCOPY a /\n')).vertex), undefined);
});
