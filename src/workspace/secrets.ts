import type { SecretSource, SshSource } from '../engine/contract';
import { readBoolean, refuseUnknownKeys, splitAttributes } from './attributes';
import type { Invocation } from './invocation';
import type { Mistakes } from './mistakes';
import { absolutePath } from './paths';

const secretKeys = ['id', 'src', 'source', 'env', 'type'];
const secretTypes = ['file', 'env'];

/** Secrets as buildx takes them: `id=…,src=path`, `id=…,env=NAME`, or `id=NAME` for the variable of that name. */
export function readSecrets(
  option: readonly string[] | undefined,
  invocation: Invocation,
  mistakes: Mistakes,
): readonly SecretSource[] {
  const secrets = (option ?? []).flatMap((text, index) => {
    const secret = readSecret(text, `secrets[${index}]`, invocation, mistakes);
    return secret === undefined ? [] : [secret];
  });
  refuseRepeatedIds(secrets, 'secrets', mistakes);
  return secrets;
}

function readSecret(
  text: string,
  option: string,
  invocation: Invocation,
  mistakes: Mistakes,
): SecretSource | undefined {
  const attributes = splitAttributes(text, option, mistakes);
  if (attributes === undefined) return undefined;
  const { values, words } = attributes;
  refuseUnknownKeys(attributes, secretKeys, option, mistakes);
  if (words.length > 0) {
    // The word itself is not repeated: it may be the secret.
    mistakes.add('OPTION_INVALID', option, 'a field is not of the form key=value', 'such as id=npm,src=.npmrc');
    return undefined;
  }
  const type = values.get('type');
  if (type !== undefined && !secretTypes.includes(type)) mistakes.addUnknownWord(option, 'type', type, secretTypes);
  const source = values.get('src') ?? values.get('source');
  const id = values.get('id') ?? '';
  if (id === '') {
    mistakes.add('OPTION_MISSING', option, 'a secret needs an id', 'such as id=npm,src=.npmrc');
    return undefined;
  }
  const variable = values.get('env') ?? (type === 'env' ? (source ?? id) : undefined);
  if (variable !== undefined) return { id, from: { env: variable } };
  if (source !== undefined) return { id, from: { file: absolutePath(source, invocation) } };
  return invocation.env[id] === undefined
    ? { id, from: { file: absolutePath(id, invocation) } }
    : { id, from: { env: id } };
}

/** SSH agents as buildx takes them: `default`, or `id=socket` or `id=key,key`. */
export function readSsh(
  option: readonly string[] | undefined,
  invocation: Invocation,
  mistakes: Mistakes,
): readonly SshSource[] {
  const sources = (option ?? []).flatMap((text, index) => {
    const equals = text.indexOf('=');
    const id = equals < 0 ? text : text.slice(0, equals);
    if (id === '' || id.includes(',')) {
      mistakes.add('OPTION_INVALID', `ssh[${index}]`, `"${text}" is not an id or id=path,path`);
      return [];
    }
    const fields = equals < 0 ? undefined : splitAttributes(text.slice(equals + 1), `ssh[${index}]`, mistakes);
    if (fields !== undefined && readBoolean(fields, 'raw', `ssh[${index}]`, mistakes) === true) {
      mistakes.add('OPTION_NOT_SUPPORTED', `ssh[${index}]`, 'raw sockets are not supported');
    }
    return [{ id, paths: (fields?.words ?? []).map((path) => absolutePath(path, invocation)) }];
  });
  refuseRepeatedIds(sources, 'ssh', mistakes);
  return sources;
}

function refuseRepeatedIds(sources: readonly { readonly id: string }[], option: string, mistakes: Mistakes): void {
  const seen = new Set<string>();
  for (const { id } of sources) {
    if (seen.has(id)) mistakes.add('OPTION_CONFLICT', option, `the id "${id}" is given twice`);
    seen.add(id);
  }
}
