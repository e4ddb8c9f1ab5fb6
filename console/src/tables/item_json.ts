//! Items as JSON for people: plain values where nothing is lost, the API's own form where something would be.
//!
//! Numbers have up to 38 digits, which JavaScript's do not: they are kept as they are written.

import { base64, fromBase64 } from "../records/bytes";
import type { Cell, Row } from "../applications/lease";

/** An item in the API's JSON: `{"id": {"S": "x"}}`, bytes as base64. */
export function apiJson(row: Row): string {
  return JSON.stringify(Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, plainCell(cell)])), null, 2);
}

function plainCell(cell: Cell): unknown {
  if (cell.B) return { B: base64(cell.B) };
  if (cell.BS) return { BS: cell.BS.map(base64) };
  if (cell.M) return { M: Object.fromEntries(Object.entries(cell.M).map(([name, inner]) => [name, plainCell(inner)])) };
  if (cell.L) return { L: cell.L.map(plainCell) };
  return cell;
}

const KINDS = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"] as const;

/** Reads an item in the API's JSON. Throws an error that says what is wrong and where. */
export function readApiJson(text: string): Row {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("an item is an object of attributes");
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readCell(inner, name)]));
}

function readCell(value: unknown, where: string): Cell {
  const fail = (what: string): never => {
    throw new Error(`${where}: ${what}`);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail('an attribute is written with its type, as {"S": "text"} or {"N": "12"}');
  const entries = Object.entries(value);
  const [kind, content] = entries[0] ?? ["", undefined];
  if (entries.length !== 1 || !KINDS.includes(kind as never)) return fail(`an attribute has one type of ${KINDS.join(", ")}`);
  const text = (inner: unknown): string => (typeof inner === "string" ? inner : fail(`${kind} holds text`));
  const list = (inner: unknown): unknown[] => (Array.isArray(inner) ? inner : fail(`${kind} holds a list`));
  const bytes = (inner: unknown): Uint8Array => fromBase64(text(inner)) ?? fail("B holds base64");
  switch (kind) {
    case "S":
      return { S: text(content) };
    case "N":
      return /^-?\d*\.?\d+([eE][+-]?\d+)?$/.test(text(content)) ? { N: text(content) } : fail("N holds a number, as text");
    case "B":
      return { B: bytes(content) };
    case "BOOL":
      return typeof content === "boolean" ? { BOOL: content } : fail("BOOL holds true or false");
    case "NULL":
      return content === true ? { NULL: true } : fail("NULL holds true");
    case "SS":
      return { SS: list(content).map(text) };
    case "NS":
      return { NS: list(content).map(text) };
    case "BS":
      return { BS: list(content).map(bytes) };
    case "L":
      return { L: list(content).map((inner, index) => readCell(inner, `${where}[${index}]`)) };
    default: {
      if (typeof content !== "object" || content === null || Array.isArray(content)) return fail("M holds an object");
      return { M: Object.fromEntries(Object.entries(content).map(([name, inner]) => [name, readCell(inner, `${where}.${name}`)])) };
    }
  }
}

/** A value in a few letters, for a cell of a list. */
export function shortValue(cell: Cell | undefined): string {
  if (!cell) return "";
  if (cell.S !== undefined) return cell.S;
  if (cell.N !== undefined) return cell.N;
  if (cell.BOOL !== undefined) return String(cell.BOOL);
  if (cell.NULL) return "null";
  if (cell.B) return `${cell.B.length} bytes`;
  if (cell.SS) return `{${cell.SS.join(", ")}}`;
  if (cell.NS) return `{${cell.NS.join(", ")}}`;
  if (cell.BS) return `{${cell.BS.length} × bytes}`;
  if (cell.L) return `[${cell.L.map(shortValue).join(", ")}]`;
  return `{${Object.entries(cell.M ?? {}).map(([name, inner]) => `${name}: ${shortValue(inner)}`).join(", ")}}`;
}

/** Names of attributes as columns: keys first, then those that most items have. */
export function columnsOf(rows: readonly Row[], keys: readonly string[], columnsMax: number): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) for (const name of Object.keys(row)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const others = [...counts].filter(([name]) => !keys.includes(name)).sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
  return [...keys, ...others.map(([name]) => name)].slice(0, columnsMax);
}

/** The condition under which an item is as it was read: each attribute equal, none more of those that were read. */
export function unchangedCondition(row: Row): { ConditionExpression: string; ExpressionAttributeNames: Record<string, string>; ExpressionAttributeValues: Record<string, Cell> } {
  const names = Object.keys(row);
  return {
    ConditionExpression: names.map((_, index) => `#a${index} = :a${index}`).join(" AND "),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#a${index}`, name])),
    ExpressionAttributeValues: Object.fromEntries(names.map((name, index) => [`:a${index}`, row[name]!])),
  };
}

/** Operators of an expression have a limit, and values one in bytes: a large item is guarded by a part of itself. */
export const GUARDED_ATTRIBUTES_MAX = 100;
const GUARDED_BYTES_MAX = 4096;

/** The part of an item that guards it: its keys and what is small. */
export function guardOf(row: Row, keys: readonly string[]): Row {
  const small = Object.entries(row).filter(([name, cell]) => keys.includes(name) || JSON.stringify(plainCell(cell)).length <= GUARDED_BYTES_MAX);
  return Object.fromEntries(small.slice(0, GUARDED_ATTRIBUTES_MAX));
}
