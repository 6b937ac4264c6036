const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
const bytesPerUnit = 1000;

/** `0 B`, `812 B`, `1.2 kB`, `35 MB`: powers of 1000, two significant digits below 10. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= bytesPerUnit - 0.5 && unit < byteUnits.length - 1) {
    value /= bytesPerUnit;
    unit++;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${byteUnits[unit] ?? ''}`;
}

/** `0.0s`, `12.3s`, `2m05s`. */
export function formatSeconds(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
}
