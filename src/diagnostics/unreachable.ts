/** Closes a `switch` over a union: a new member that is not handled fails to compile, and throws if forced. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
