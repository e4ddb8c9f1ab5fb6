//! Field expressions: `.price > 100 && .side == "BUY"`. What is not there is unlike everything.
//!
//! ```text
//! either  = both { "||" both }
//! both    = not { "&&" not }
//! not     = "!" not | "(" either ")" | comparison
//! comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "matches") operand ]
//! operand = path | "key" | "shard" | "size" | number | string | "true" | "false" | "null"
//! path    = "." | { "." name | "[" index "]" | "[" string "]" }
//! ```

/** What an expression looks at. */
export interface Subject {
  value: unknown;
  key: string;
  shard: string;
  size: number;
}

export type Predicate = (subject: Subject) => boolean;

/** An expression that cannot be understood, and where. */
export class ExpressionError extends Error {
  constructor(
    message: string,
    /** Index of the letter where it stops making sense. */
    readonly at: number,
  ) {
    super(message);
  }
}

type Token = { kind: "word" | "number" | "string" | "mark"; text: string; at: number };
type Operand = (subject: Subject) => unknown;

const TOKEN = /\s*(?:(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_$][\w$-]*)|(==|!=|<=|>=|&&|\|\||[<>!().[\]]))/y;

/** Reads an expression. Throws an [`ExpressionError`] at what cannot be understood. */
export function parseExpression(source: string): Predicate {
  const parser = new Parser(tokens(source), source.length);
  const predicate = parser.either();
  parser.end();
  return predicate;
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const from = TOKEN.lastIndex;
    if (source.slice(from).trim() === "") break;
    const match = TOKEN.exec(source);
    if (!match) throw new ExpressionError(`cannot read ${JSON.stringify(source.slice(from).trim()[0])}`, from);
    const [whole, number, text, word, mark] = match;
    const at = from + whole.length - whole.trimStart().length;
    if (number !== undefined) found.push({ kind: "number", text: number, at });
    else if (text !== undefined) found.push({ kind: "string", text: unquoted(text), at });
    else if (word !== undefined) found.push({ kind: "word", text: word, at });
    else found.push({ kind: "mark", text: mark!, at });
  }
  return found;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ({ n: "\n", t: "\t" })[letter] ?? letter);
}

class Parser {
  private next = 0;

  constructor(
    private readonly tokens: Token[],
    private readonly length: number,
  ) {}

  either(): Predicate {
    let left = this.both();
    while (this.takes("||")) {
      const [one, other] = [left, this.both()];
      left = (subject) => one(subject) || other(subject);
    }
    return left;
  }

  end(): void {
    const token = this.tokens[this.next];
    if (token) throw new ExpressionError(`did not expect ${JSON.stringify(token.text)}`, token.at);
  }

  private both(): Predicate {
    let left = this.not();
    while (this.takes("&&")) {
      const [one, other] = [left, this.not()];
      left = (subject) => one(subject) && other(subject);
    }
    return left;
  }

  private not(): Predicate {
    if (this.takes("!")) {
      const inner = this.not();
      return (subject) => !inner(subject);
    }
    if (this.takes("(")) {
      const inner = this.either();
      this.expect(")");
      return inner;
    }
    return this.comparison();
  }

  private comparison(): Predicate {
    const left = this.operand();
    const token = this.tokens[this.next];
    const compare = token && token.kind !== "string" ? COMPARISONS[token.text] : undefined;
    if (!token || !compare) return (subject) => isTrue(left(subject));
    this.next += 1;
    if (token.text === "matches") return this.matches(left);
    const right = this.operand();
    return (subject) => compare(left(subject), right(subject));
  }

  private matches(left: Operand): Predicate {
    const token = this.tokens[this.next++];
    if (token?.kind !== "string") throw new ExpressionError("a pattern in quotation marks follows matches", token?.at ?? this.length);
    let pattern: RegExp;
    try {
      pattern = new RegExp(token.text, "u");
    } catch {
      throw new ExpressionError("this is no regular expression", token.at);
    }
    return (subject) => {
      const value = left(subject);
      return value !== undefined && pattern.test(textOf(value));
    };
  }

  private operand(): Operand {
    const token = this.tokens[this.next++];
    if (!token) throw new ExpressionError("something is missing at the end", this.length);
    if (token.kind === "number") {
      const number = Number(token.text);
      return () => number;
    }
    if (token.kind === "string") return () => token.text;
    if (token.kind === "word") return this.word(token);
    if (token.text === "." || token.text === "[") {
      this.next -= 1;
      return this.path();
    }
    throw new ExpressionError(`did not expect ${JSON.stringify(token.text)}`, token.at);
  }

  private word(token: Token): Operand {
    switch (token.text) {
      case "true":
        return () => true;
      case "false":
        return () => false;
      case "null":
        return () => null;
      case "key":
        return (subject) => subject.key;
      case "shard":
        return (subject) => subject.shard;
      case "size":
        return (subject) => subject.size;
      default:
        throw new ExpressionError(`a field begins with a dot: .${token.text}`, token.at);
    }
  }

  private path(): Operand {
    const steps: (string | number)[] = [];
    for (;;) {
      if (this.takes(".")) {
        const dot = this.tokens[this.next - 1]!;
        const token = this.tokens[this.next];
        // A dot that stands alone is the value itself.
        if (token?.kind === "word" && token.at === dot.at + 1) {
          steps.push(token.text);
          this.next += 1;
        } else if (steps.length > 0 && token?.text !== "[") {
          throw new ExpressionError("the name of a field follows a dot", token?.at ?? this.length);
        }
      } else if (this.takes("[")) {
        const token = this.tokens[this.next++];
        if (token?.kind === "string") steps.push(token.text);
        else if (token?.kind === "number") steps.push(Number(token.text));
        else throw new ExpressionError("a number or a name in quotation marks stands between [ and ]", token?.at ?? this.length);
        this.expect("]");
      } else {
        return (subject) => valueAt(subject.value, steps);
      }
    }
  }

  private takes(text: string): boolean {
    const token = this.tokens[this.next];
    if (token?.kind !== "mark" || token.text !== text) return false;
    this.next += 1;
    return true;
  }

  private expect(text: string): void {
    if (!this.takes(text)) throw new ExpressionError(`${text} is missing`, this.tokens[this.next]?.at ?? this.length);
  }
}

function valueAt(value: unknown, steps: (string | number)[]): unknown {
  let at = value;
  for (const step of steps) {
    if (at === null || typeof at !== "object" || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

function isTrue(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function ordered(compare: (left: number | string, right: number | string) => boolean) {
  return (left: unknown, right: unknown) => {
    if (typeof left === "number" && typeof right === "number") return compare(left, right);
    return typeof left === "string" && typeof right === "string" && compare(left, right);
  };
}

const isEqual = (left: unknown, right: unknown) =>
  left === right || (typeof left === "object" && left !== null && JSON.stringify(left) === JSON.stringify(right));

const COMPARISONS: Record<string, (left: unknown, right: unknown) => boolean> = {
  __proto__: null as never,
  "==": isEqual,
  "!=": (left, right) => !isEqual(left, right),
  "<": ordered((left, right) => left < right),
  "<=": ordered((left, right) => left <= right),
  ">": ordered((left, right) => left > right),
  ">=": ordered((left, right) => left >= right),
  contains: (left, right) =>
    Array.isArray(left) ? left.some((one) => isEqual(one, right)) : left !== undefined && textOf(left).includes(textOf(right)),
  // Read by the parser, which wants a pattern at its right.
  matches: () => false,
};
