/** Whether a variable such as `CI` says yes. */
export function isSet(variable: string | undefined): boolean {
  return variable !== undefined && variable !== '' && variable !== '0' && variable.toLowerCase() !== 'false';
}
