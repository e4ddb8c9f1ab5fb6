//! JSON on several lines, letter for letter: a parser would round its numbers.

/** Puts members and elements on lines of their own. The text must be JSON. */
export function indented(json: string): string {
  const parts: string[] = [];
  let depth = 0;
  const line = () => parts.push(`\n${"  ".repeat(depth)}`);
  const token = /\s+|"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
  let opened = false;
  for (const [text] of json.matchAll(token)) {
    if (text.trim() === "") continue;
    if (opened && text !== "}" && text !== "]") line();
    if (text === "{" || text === "[") {
      depth += 1;
      parts.push(text);
    } else if (text === "}" || text === "]") {
      depth -= 1;
      if (!opened) line();
      parts.push(text);
    } else if (text === ",") {
      parts.push(text);
      line();
    } else parts.push(text === ":" ? ": " : text);
    opened = text === "{" || text === "[";
  }
  return parts.join("");
}
