export interface ShieldedText {
  /** As long as the original, so that every offset stays true. */
  readonly text: string;
  /** Turns a piece of the shielded text back. */
  readonly restore: (piece: string) => string;
}

const FIRST_PRIVATE_USE = 0xe000;
const LAST_PRIVATE_USE = 0xf8ff;

/**
 * YAML ends an unquoted value at a brace inside `{ … }` and `[ … ]`, so `{ token: ${TOKEN} }` would
 * be a syntax error. No valid text has `${` there otherwise, hence the braces of variables are
 * hidden from the parser behind two characters that the text does not use.
 */
export function shieldVariables(text: string): ShieldedText {
  const marks = unusedCharacters(text);
  if (marks === undefined) return { text, restore: (piece) => piece };
  const [opening, closing] = marks;
  return {
    text: text.replace(/\$\{([^{}[\],\s"']*)\}/g, `$$${opening}$1${closing}`),
    restore: (piece) => piece.replaceAll(opening, "{").replaceAll(closing, "}"),
  };
}

/** Neither the character nor an escape such as `"\uE000"` may occur, or restoring would alter it. */
function unusedCharacters(text: string): readonly [string, string] | undefined {
  if (!text.includes("${")) return undefined;
  const lowerCase = text.toLowerCase();
  const found: string[] = [];
  for (let code = FIRST_PRIVATE_USE; code <= LAST_PRIVATE_USE; code += 1) {
    const character = String.fromCharCode(code);
    if (lowerCase.includes(character) || lowerCase.includes(code.toString(16))) continue;
    const [first] = found;
    if (first !== undefined) return [first, character];
    found.push(character);
  }
  return undefined;
}
