const units: readonly (readonly [milliseconds: number, name: string])[] = [
  [365 * 86_400_000, 'y'],
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
];

/** `12 d`: how long before `nowMs` a time was, in the largest unit that fits. Empty for what is no time or never was. */
export function formatAge(createdAt: string | undefined, nowMs: number): string {
  const time = Date.parse(createdAt ?? '');
  // Go writes the year 1 for a time that was never set.
  if (Number.isNaN(time) || time < 0) return '';
  const age = Math.max(0, nowMs - time);
  const [size, name] = units.find(([milliseconds]) => age >= milliseconds) ?? [1000, 's'];
  return `${Math.floor(age / size)} ${name}`;
}
