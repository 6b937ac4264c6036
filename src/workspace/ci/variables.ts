import type { Environment } from './contract';

/** The first of the variables that is set to something. */
export function valueOf(env: Environment, ...names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}

/** CI systems write `true`, `True` and `1`. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(?:true|1)$/i.test(value);
}

/** `refs/heads/x` as `x`. */
export function shortRef(ref: string | undefined): string | undefined {
  return ref?.replace(/^refs\/(?:heads|tags)\//, '');
}

type Defined<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The object without the properties that are undefined. */
export function compact<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
