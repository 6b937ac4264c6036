import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A small monorepo with a multi-stage build, laid out below `directory`; gives the Dockerfile's text and path. */
export async function layOutNodeApp(
  directory: string,
  { base }: { readonly base: string },
): Promise<{ readonly context: string; readonly dockerfile: { readonly path: string; readonly text: string } }> {
  const context = join(directory, 'context');
  const files: Readonly<Record<string, string>> = {
    'package.json': '{ "name": "shop", "private": true, "workspaces": ["apps/*", "libs/*"] }\n',
    'libs/greeting/package.json': '{ "name": "greeting", "version": "1.0.0" }\n',
    'libs/greeting/index.js': 'exports.greet = (name) => `Hello, ${name}!`;\n',
    'apps/api/package.json': '{ "name": "api", "dependencies": { "greeting": "1.0.0" } }\n',
    'apps/api/main.js': "console.log('version 1');\n",
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(context, path)), { recursive: true });
    await writeFile(join(context, path), text);
  }
  const text = `FROM ${base} AS deps
WORKDIR /repo
COPY package.json ./
COPY libs/greeting/package.json libs/greeting/
RUN mkdir node_modules && cp package.json node_modules/.lock

FROM deps AS build
COPY libs ./libs
COPY apps/api ./apps/api
RUN mkdir dist && cat apps/api/main.js libs/greeting/index.js > dist/main.js

FROM ${base}
WORKDIR /app
COPY --from=deps /repo/node_modules ./node_modules
COPY --from=build --chown=1000:1000 /repo/dist ./
RUN chmod 0755 main.js && ln -s main.js start.js
USER 1000
CMD ["node", "main.js"]
`;
  const path = join(directory, 'Dockerfile');
  await writeFile(path, text);
  return { context, dockerfile: { path, text } };
}
