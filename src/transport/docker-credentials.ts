import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../diagnostics/coded-error';
import { askCredentialHelper } from './credential-helper';
import type { Credentials, CredentialSource } from './credentials';
import { maxDockerConfigBytes } from './limits';
import './transport-errors';

export interface DockerCredentialOptions {
  /** Folder of Docker's `config.json`: `DOCKER_CONFIG` or `~/.docker`. */
  readonly configDirectory: string;
  /** Environment of credential helpers. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Docker Hub's key in config files and helpers. */
const dockerHubKey = 'https://index.docker.io/v1/';

/**
 * Credentials as the docker command finds them: the host's `credHelpers` entry, else `credsStore`, else `auths`. A
 * helper that knows nothing of the host leaves `auths` to answer; one that fails is an error. The file is read on each
 * call, so that a login during a long run counts.
 *
 * `get` rejects with `CREDENTIALS_UNREADABLE`. A missing file is anonymous access.
 */
export function dockerCredentials({ configDirectory, env }: DockerCredentialOptions): CredentialSource {
  const path = join(configDirectory, 'config.json');
  return {
    async get(host, options) {
      const config = await readConfig(path);
      if (config === undefined) return undefined;
      const server = host === 'docker.io' ? dockerHubKey : host;
      const helpers = field(config, 'credHelpers') ?? {};
      const key = keyOf(helpers, host);
      const helper = key === undefined ? config['credsStore'] : helpers[key];
      if (typeof helper === 'string' && helper !== '') {
        const found = await askCredentialHelper({ helper, server, env, signal: options?.signal });
        if (found !== undefined) return found;
      }
      return fromAuths(field(config, 'auths') ?? {}, host, path);
    },
  };
}

async function readConfig(path: string): Promise<JsonObject | undefined> {
  const fail = (reason: string, cause?: unknown): CodedError =>
    new CodedError('CREDENTIALS_UNREADABLE', `${path} ${reason}`, { source: path, reason }, { cause });
  let text: string;
  try {
    if ((await stat(path)).size > maxDockerConfigBytes) throw fail(`is larger than ${maxDockerConfigBytes} bytes`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error instanceof CodedError ? error : fail('cannot be read', error);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // The parser's message would quote the file, which holds secrets.
  }
  throw fail('is not a JSON object');
}

function fromAuths(auths: JsonObject, host: string, path: string): Credentials | undefined {
  const best = keyOf(auths, host);
  const entry = best === undefined ? undefined : field(auths, best);
  if (entry === undefined) return undefined;

  const text = (name: string): string => (typeof entry[name] === 'string' ? entry[name] : '');
  const decoded = Buffer.from(text('auth'), 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (text('auth') !== '' && colon < 0) {
    const reason = `has an "auth" for ${host} that is not base64 of user:password`;
    throw new CodedError('CREDENTIALS_UNREADABLE', `${path} ${reason}`, { source: path, host, reason });
  }
  const username = colon >= 0 ? decoded.slice(0, colon) : text('username');
  const password = colon >= 0 ? decoded.slice(colon + 1) : text('password');
  if (text('registrytoken') !== '') return { kind: 'access-token', token: text('registrytoken') };
  if (text('identitytoken') !== '') return { kind: 'identity-token', username, token: text('identitytoken') };
  return username === '' && password === '' ? undefined : { kind: 'password', username, password };
}

/** The key under which `entries` has a host: the one that docker writes today before those that it once wrote. */
function keyOf(entries: JsonObject, host: string): string | undefined {
  const wanted = host === 'docker.io' ? ['docker.io', 'index.docker.io', 'registry-1.docker.io'] : [host];
  const keys = Object.keys(entries).filter((key) => wanted.includes(hostOfKey(key)));
  return keys.find((key) => key === dockerHubKey) ?? keys.find((key) => key === host) ?? keys[0];
}

/** Keys are hosts, or URLs from old versions of Docker: `https://registry.example/v2/`. */
function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

function field(object: JsonObject, name: string): JsonObject | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
