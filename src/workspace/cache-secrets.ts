import type { Mistakes } from './mistakes';

/** The variable with the secrets that sign refs. Secrets are no options: options stand in files and in logs. */
export const cacheSecretVariable = 'NX_REGISTRY_CACHE_SECRET';

/** What a tag shows lets anyone try secrets in peace, so that short ones protect nothing. */
const minSecretCharacters = 16;

type Environment = Readonly<Record<string, string | undefined>>;

/** Secrets, separated by commas or lines: the first signs, each is accepted. */
export function cacheSecrets(env: Environment): readonly string[] {
  const texts = (env[cacheSecretVariable] ?? '').split(/[,\r\n]/).map((text) => text.trim());
  return texts.filter((text) => text !== '');
}

/** The secrets, if they can be used as such. */
export function readCacheSecrets(env: Environment, mistakes: Mistakes): readonly string[] {
  const secrets = cacheSecrets(env);
  const short = secrets.findIndex((secret) => secret.length < minSecretCharacters);
  if (short >= 0) {
    const which = secrets.length === 1 ? 'the secret' : `secret ${short + 1} of ${secrets.length}`;
    const message = `${which} has less than ${minSecretCharacters} characters`;
    mistakes.add('OPTION_INVALID', cacheSecretVariable, message, 'such as the output of: openssl rand -hex 32');
  }
  return secrets;
}
