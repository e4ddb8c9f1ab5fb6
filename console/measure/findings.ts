//! What was measured, as lines of a table for `docs/console.md`.

import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

const FILE = join(import.meta.dirname, "..", "..", ".build", "console", "measured.md");

/** Prints a line of the table, and keeps it in `.build/console/measured.md`. */
export function found(what: string, measured: string, bound: string, isMet: boolean): void {
  const line = `| ${what} | ${measured} | ${bound} | ${isMet ? "met" : "MISSED"} |`;
  console.log(line);
  mkdirSync(dirname(FILE), { recursive: true });
  appendFileSync(FILE, `${line}\n`);
}
