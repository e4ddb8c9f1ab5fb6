//! Which records are shown.

import { parseExpression, ExpressionError, type Predicate } from "./expression";

/** What the reader asks for; empty texts ask for nothing. */
export interface Filter {
  /** Part of the partition key. */
  key: string;
  /** Part of the data as it is shown; case does not matter. */
  text: string;
  /** A field expression. */
  expression: string;
}

export const NO_FILTER: Filter = { key: "", text: "", expression: "" };

/** A record as filters see it. */
export interface Filtered {
  partitionKey: string;
  shardId: string;
  sizeBytes: number;
  text: string;
  value: unknown;
}

export type Matcher = (record: Filtered) => boolean;

export function isEmpty(filter: Filter): boolean {
  return filter.key === "" && filter.text === "" && filter.expression.trim() === "";
}

/** What is wrong with an expression; undefined if nothing is. */
export function complaint(expression: string): string | undefined {
  if (expression.trim() === "") return undefined;
  try {
    parseExpression(expression);
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return `${error.message} (at letter ${error.at + 1})`;
    throw error;
  }
}

/** The filter as a function. Throws an `ExpressionError` if the expression cannot be understood. */
export function matcher(filter: Filter): Matcher {
  const text = filter.text.toLowerCase();
  const expression: Predicate | undefined = filter.expression.trim() === "" ? undefined : parseExpression(filter.expression);
  return (record) =>
    (filter.key === "" || record.partitionKey.includes(filter.key)) &&
    (text === "" || record.text.toLowerCase().includes(text)) &&
    (!expression ||
      expression({ value: record.value, key: record.partitionKey, shard: record.shardId, size: record.sizeBytes }));
}
