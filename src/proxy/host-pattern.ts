/**
 * @param pattern an exact name, or `*.example.com` for any name below it; in lower case
 * @param name in lower case
 */
export function hostMatches(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return name === pattern;
  return name.length > pattern.length - 1 && name.endsWith(pattern.slice(1));
}
