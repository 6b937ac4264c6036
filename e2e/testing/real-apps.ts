import { join } from 'node:path';
import { writeFiles } from './debian-base';

/** An app as people have them, laid out on disk. */
export interface RealApp {
  readonly name: string;
  readonly context: string;
  readonly dockerfile: { readonly path: string; readonly text: string };
  /** A source file whose change must not run the installation of packages again, and what it then holds. */
  readonly change: { readonly path: string; readonly text: string };
  /** Instructions that run again after that change. */
  readonly affected: readonly string[];
}

/** What apt leaves behind that differs from run to run. */
const cleanUp = [
  'rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /tmp/*',
  '/var/log/apt /var/log/dpkg.log /var/log/alternatives.log',
].join(' ');

/** `RUN` that installs packages of Debian with this machine's settings of apt. */
function install(...packages: readonly string[]): string {
  const mount = '--mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99host';
  const command = `apt-get update -q && apt-get install -qy --no-install-recommends ${packages.join(' ')}`;
  return `RUN ${mount} ${command} && ${cleanUp}`;
}

/** A workspace of two packages and a dependency from npm's registry, built and tested in the image. */
export async function layOutNodeMonorepo(directory: string, base: string): Promise<RealApp> {
  const context = join(directory, 'node-monorepo');
  const main = (greeting: string): string =>
    `const ms = require('ms');\nconst { greet } = require('@shop/greeting');\nconsole.log(greet('${greeting}'), ms(60000));\n`;
  await writeFiles(context, {
    'package.json': '{ "name": "shop", "private": true, "workspaces": ["apps/*", "libs/*"] }\n',
    'libs/greeting/package.json': '{ "name": "@shop/greeting", "version": "1.0.0", "main": "index.js" }\n',
    'libs/greeting/index.js': 'exports.greet = (name) => `Hello, ${name}!`;\n',
    'apps/api/package.json':
      '{ "name": "api", "version": "1.0.0", "dependencies": { "ms": "2.1.3", "@shop/greeting": "1.0.0" } }\n',
    'apps/api/main.js': main('world'),
    'apps/api/notes.md': 'Not for the image.\n',
    '.dockerignore': '**/*.md\nnode_modules\n',
  });
  const build = 'RUN mkdir dist && node apps/api/main.js > dist/self-test.txt && cp apps/api/main.js dist/';
  const npm = [
    'RUN --mount=type=bind,from=npm,target=/opt/npm',
    '--mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=certificates',
    '--mount=type=cache,target=/root/.npm',
    'node /opt/npm/bin/npm-cli.js install --no-audit --no-fund --no-update-notifier && rm -rf /tmp/*',
  ].join(' ');
  const text = `FROM ${base} AS node
${install('nodejs')}
ENV NODE_ENV=production
WORKDIR /repo

FROM node AS deps
COPY package.json ./
COPY libs/greeting/package.json libs/greeting/
COPY apps/api/package.json apps/api/
${npm}

FROM deps AS build
COPY . .
${build}

FROM node
COPY --from=deps --chown=1000:1000 /repo/node_modules ./node_modules
COPY --from=build --chown=1000:1000 /repo/dist ./dist
USER 1000:1000
CMD ["node", "dist/main.js"]
`;
  return {
    name: 'node-monorepo',
    context,
    dockerfile: { path: join(directory, 'node-monorepo.Dockerfile'), text },
    change: { path: 'apps/api/main.js', text: main('again') },
    affected: ['COPY . .', build, 'COPY --from=build --chown=1000:1000 /repo/dist ./dist'],
  };
}

/** Pages written in Markdown, made into HTML by a package of Debian, served by another one. */
export async function layOutStaticSite(directory: string, base: string): Promise<RealApp> {
  const context = join(directory, 'static-site');
  await writeFiles(context, {
    'pages/index.md': '# Shop\n\nWelcome.\n',
    'pages/about.md': '# About\n',
    'assets/style.css': 'body { margin: 0 }\n',
    'server.conf': '/:/srv/www\n',
  });
  const render = 'RUN mkdir out && for page in pages/*.md; do markdown -o out/$(basename $page .md).html $page; done';
  const text = `FROM ${base} AS render
${install('discount')}
WORKDIR /site
COPY pages ./pages
${render}

FROM ${base}
${install('busybox')}
COPY server.conf /etc/httpd.conf
COPY --chmod=0644 assets /srv/www/assets
COPY --from=render /site/out /srv/www
EXPOSE 8080
USER 1000:1000
ENTRYPOINT ["busybox", "httpd", "-f", "-p", "8080", "-h", "/srv/www"]
`;
  return {
    name: 'static-site',
    context,
    dockerfile: { path: join(directory, 'static-site.Dockerfile'), text },
    change: { path: 'pages/about.md', text: '# About us\n' },
    affected: ['COPY pages ./pages', render, 'COPY --from=render /site/out /srv/www'],
  };
}
