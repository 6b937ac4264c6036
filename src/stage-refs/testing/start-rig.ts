import { BuildRig } from './build-rig';

/** A stage upon another one, of the files that {@link startRig} writes. */
export const twoStages = ['FROM scratch AS deps', 'COPY package.json /', 'FROM deps AS app', 'COPY src /src'].join(
  '\n',
);

/** A rig with a context, which ends with the test. */
export async function startRig(t: { after: (task: () => Promise<void>) => void }): Promise<BuildRig> {
  const started = await BuildRig.start();
  t.after(() => started[Symbol.asyncDispose]());
  await started.write({ 'package.json': '{}', 'src/main.js': 'one', 'src/lib.js': 'lib' });
  return started;
}
