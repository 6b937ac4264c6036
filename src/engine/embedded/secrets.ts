import { readFile, stat } from 'node:fs/promises';
import { CodedError } from '../../diagnostics/coded-error';
import type { SecretSource } from '../contract';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    SECRET_UNREADABLE: { readonly id: string };
    SECRET_MISSING: { readonly id: string };
  }
}

/** BuildKit's bound for one secret. */
const maxSecretBytes = 500 * 1024;

/** Secret values by id, read before the build starts so that a missing one stops it early. */
export class SecretValues {
  readonly #values: ReadonlyMap<string, Buffer>;

  private constructor(values: ReadonlyMap<string, Buffer>) {
    this.#values = values;
  }

  /** Fails with `SECRET_UNREADABLE`, naming id and source but never a value. */
  static async read(
    sources: readonly SecretSource[],
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<SecretValues> {
    const entries = await Promise.all(
      sources.map(async (source) => [source.id, await readSecret(source, env)] as const),
    );
    return new SecretValues(new Map(entries));
  }

  /** The value, or undefined for an optional secret that was not given; a required one fails with `SECRET_MISSING`. */
  get(id: string, need: { readonly optional: boolean }): Buffer | undefined {
    const value = this.#values.get(id);
    if (value === undefined && !need.optional) {
      throw new CodedError(
        'SECRET_MISSING',
        `secret "${id}" is required by a RUN step but was not given`,
        { id },
        {
          hint: `add "id=${id},src=<file>" or "id=${id},env=<variable>" to the option "secrets"`,
        },
      );
    }
    return value;
  }

  /** All values, for redaction of output. */
  values(): readonly Buffer[] {
    return [...this.#values.values()];
  }
}

async function readSecret(source: SecretSource, env: Readonly<Record<string, string | undefined>>): Promise<Buffer> {
  if ('env' in source.from) {
    const value = env[source.from.env];
    if (value !== undefined) return Buffer.from(value);
    throw unreadable(source.id, `environment variable ${source.from.env} is not set`);
  }
  const { file } = source.from;
  try {
    const { size } = await stat(file);
    if (size > maxSecretBytes) throw unreadable(source.id, `${file} has ${size} bytes, more than ${maxSecretBytes}`);
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw unreadable(source.id, `cannot read ${file}`, cause);
  }
}

function unreadable(id: string, reason: string, cause?: unknown): CodedError<'SECRET_UNREADABLE'> {
  return new CodedError('SECRET_UNREADABLE', `secret "${id}": ${reason}`, { id }, { cause });
}
