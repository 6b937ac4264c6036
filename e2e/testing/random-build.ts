import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A Dockerfile and a context that a seed decides. Whether they can be built is left to chance, too. */
export interface RandomBuild {
  readonly dockerfile: string;
  /** Content, or where a link points, by path. */
  readonly files: Readonly<
    Record<string, { readonly text: string; readonly mode: number } | { readonly link: string }>
  >;
  readonly ignored: readonly string[];
}

const names = [
  'a',
  'b',
  'ab',
  'a.js',
  'b.js',
  'c.txt',
  'd d',
  'x-y',
  '.hid',
  'Z',
  '_u',
  '1',
  'lib',
  'src',
  'a+b',
  't~',
];
const links = ['a', '../a', 'b', 'lib', '/src', 'src/a.js', 'nowhere', '.', '..', 'a.js'];
const ignoreLines = ['**/*.js', 'a', '!a/b', '*', '!src', '.hid', 'src/*', '!src/a.js', 'lib/', '/b', '[a-b]', '**/b'];
const destinations = ['/d', '/d/e', 'x', './y', '/etc', '/usr/bin/w', '../up', '/', '.', '/t/u', '$V', '${V}/k', '/wl'];
const owners = ['1000', '0:0', '1000:50', 'app', 'app:app', 'root', '12:app', '$U'];
const modes = ['644', '755', '0700', '4755', 'u+x', 'go-w', 'a=rX', 'u=rwX,go=rX', 'g+s', '1777'];
const excludes = ['*.js', '**/*.js', 'a', 'b*', '**/b', 'src', 'lib/**', '!a', '.hid', '?'];
const sources = ['.', './', '*', '*.js', '**/*.js', '[a-c]*', '?'];
const stageSources = ['/etc/passwd', '/r*', '/', '/opt*', '/etc/*', '/d*', '/etc/./passwd', '/bin/busybox', '/etc'];
const directories = ['/w', 'w2', '/d', '../x', '/', '$V', '/etc', '/wl'];
const commands = [
  'mkdir -p /r/sub && echo hi > /r/sub/x && ln -sf sub/x /r/l && ln -sfn sub /r/s',
  'echo $V > /v && chmod 600 /v',
  'rm -rf /d /opt',
  '--mount=type=bind,target=/m ls -A /m > /ls || true',
  '--mount=type=tmpfs,target=/t2 touch /t2/x /tx',
  'mkdir -p /o && cd /o && touch a b && chmod 4755 a && chmod 2777 . && ln a c && ln -s a d && mkfifo p && chown 5:6 b',
  'mkdir -p /w && ln -sfn /w /wl',
  'rm -rf /home && echo "zed:x:77:88::/root:/bin/sh" >> /etc/passwd',
];
const metadata = ['LABEL a=b', 'EXPOSE 80', 'CMD ["x"]', 'VOLUME /d', 'STOPSIGNAL 9', 'ENTRYPOINT x', 'ENV W=$V'];

export interface RandomBuildOptions {
  /** Image that most stages start from. */
  readonly base: string;
  /** Flags that the BuildKit at hand does not know. */
  readonly withoutFlags?: readonly string[];
}

export function randomBuild(seed: number, { base, withoutFlags = [] }: RandomBuildOptions): RandomBuild {
  return new Generator(seed, withoutFlags).build(base);
}

/** Writes the context to `directory`, which has to be empty. */
export async function writeContext({ files, ignored }: RandomBuild, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [path, file] of Object.entries(files)) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    if ('link' in file) {
      await symlink(file.link, target);
    } else {
      await writeFile(target, file.text);
      await chmod(target, file.mode);
    }
  }
  if (ignored.length > 0) await writeFile(join(directory, '.dockerignore'), `${ignored.join('\n')}\n`);
}

class Generator {
  /** Of a linear congruential generator, so that a seed gives the same build everywhere. */
  #state: number;

  constructor(
    private readonly seed: number,
    private readonly withoutFlags: readonly string[],
  ) {
    this.#state = Math.imul(seed, 100_003) >>> 0;
  }

  build(base: string): RandomBuild {
    const files = this.#files();
    const ignored = this.#chance(0.35) ? this.#some(1 + this.#below(3), () => this.#pick(ignoreLines)) : [];
    const lines: string[] = [];
    const stages = this.#some(1 + this.#below(3), (index) => `s${index}`);
    stages.forEach((stage, index) => {
      const earlier = stages.slice(0, index);
      const from = this.#chance(0.4) ? this.#pick([base, ...earlier]) : this.#chance(0.1) ? 'scratch' : base;
      lines.push(
        `FROM ${from} AS ${stage}`,
        `${this.#pick(['ENV', 'ARG'])} V=${this.#pick(['/v1', 'w/q'])}`,
        'ARG U=7',
      );
      const steps = this.#some(1 + this.#below(5), () => this.#step(Object.keys(files), earlier, from !== 'scratch'));
      lines.push(...steps);
    });
    return { dockerfile: `${lines.join('\n')}\n`, files, ignored };
  }

  #files(): RandomBuild['files'] {
    const files: Record<string, RandomBuild['files'][string]> = {};
    for (let count = 3 + this.#below(12); count > 0; count--) {
      const path = this.#some(1 + this.#below(3), () => this.#pick(names)).join('/');
      const clash = Object.keys(files).some(
        (other) => `${other}/`.startsWith(`${path}/`) || path.startsWith(`${other}/`),
      );
      if (clash) continue;
      files[path] = this.#chance(0.12)
        ? { link: this.#pick(links) }
        : { text: `${this.seed} ${count}\n`, mode: this.#chance(0.2) ? 0o755 : 0o644 };
    }
    return files;
  }

  #step(paths: readonly string[], earlier: readonly string[], canRun: boolean): string {
    const kind = this.#below(10);
    if (kind < 6) return this.#copy(paths, earlier);
    if (kind < 8 && canRun) return `RUN ${this.#pick(commands)}`;
    if (kind === 8) return `WORKDIR ${this.#pick(directories)}`;
    return this.#pick(['USER 1000:1000', 'USER 0', 'COPY <<E /h/\nx $V\nE', ...metadata]);
  }

  #copy(paths: readonly string[], earlier: readonly string[]): string {
    const isAdd = this.#chance(0.12);
    const from = !isAdd && this.#chance(0.4) ? earlier.at(this.#below(Math.max(earlier.length, 1))) : undefined;
    const flags = [
      ...(from === undefined ? [] : [`--from=${from}`]),
      ...(this.#chance(0.2) ? ['--link'] : []),
      ...(this.#chance(0.2) ? [`--chown=${this.#pick(owners)}`] : []),
      ...(this.#chance(0.2) ? [`--chmod=${this.#pick(modes)}`] : []),
      ...(!isAdd && this.#chance(0.2) ? ['--parents'] : []),
      ...(this.#chance(0.2) ? [`--exclude=${this.#pick(excludes)}`] : []),
    ];
    const chosen = this.#some(this.#chance(0.75) ? 1 : 2, () =>
      from === undefined ? this.#source(paths) : this.#pick(stageSources),
    );
    const isMany = chosen.length > 1 || /[*?[]/.test(chosen.join(''));
    const destination = this.#pick(destinations);
    const words = [...chosen, isMany ? destination.replace(/\/?$/, '/') : destination];
    const known = flags.filter((flag) => !this.withoutFlags.includes(flag));
    return [isAdd ? 'ADD' : 'COPY', ...known, JSON.stringify(words)].join(' ');
  }

  #source(paths: readonly string[]): string {
    if (this.#chance(0.3)) return this.#pick(sources);
    const path = this.#pick(paths);
    return this.#pick([path, `./${path}`, `/${path}`, dirname(path), `${dirname(path)}/*`]);
  }

  #some<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index));
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  #chance(probability: number): boolean {
    return this.#below(1000) < probability * 1000;
  }

  #below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(((this.#state >>> 8) / 0x100_0000) * bound);
  }
}
