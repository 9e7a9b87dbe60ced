/** A dot separates the tokens of a subject; in a channel's name it is a character like another. */
export function subjectToken(name: string): string {
  return name.replaceAll(".", "%");
}

export function nameOfToken(token: string): string {
  return token.replaceAll("%", ".");
}
