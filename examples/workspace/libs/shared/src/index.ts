/** A greeting that both apps use. */
export function greet(name: string): string {
  return `Hello, ${name}!`;
}
