//! A query as the form asks it.

import type { AttributeValue, TableDescription } from "@aws-sdk/client-dynamodb";

import { fromBase64 } from "../records/bytes";

export const comparisons = { any: "anything", "=": "equal to", "<": "below", "<=": "at most", ">": "above", ">=": "at least", begins: "beginning with", between: "between" } as const;
export type Comparison = keyof typeof comparisons;

/** What the form says. Without a partition key it is no query: everything is shown. */
export interface Asked {
  index: string;
  hash: string;
  comparison: Comparison;
  range: string;
  upper: string;
}

/** Members of a Query; undefined where everything is asked for. */
export function queryOf(table: Pick<TableDescription, "KeySchema" | "AttributeDefinitions" | "GlobalSecondaryIndexes" | "LocalSecondaryIndexes">, asked: Asked) {
  if (asked.hash === "") return undefined;
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
  const schema = asked.index === "" ? table.KeySchema : indexes.find((index) => index.IndexName === asked.index)?.KeySchema;
  const name = (type: string) => schema?.find((key) => key.KeyType === type)?.AttributeName;
  const [hash, range] = [name("HASH") ?? "", name("RANGE")];
  const typeOf = (attribute: string) => table.AttributeDefinitions?.find((one) => one.AttributeName === attribute)?.AttributeType;
  const value = (attribute: string, text: string): AttributeValue => {
    const type = typeOf(attribute);
    return type === "N" ? { N: text } : type === "B" ? { B: fromBase64(text) ?? new TextEncoder().encode(text) } : { S: text };
  };
  const names: Record<string, string> = { "#hash": hash };
  const values: Record<string, AttributeValue> = { ":hash": value(hash, asked.hash) };
  let condition = "#hash = :hash";
  if (range && asked.comparison !== "any") {
    names["#range"] = range;
    values[":range"] = value(range, asked.range);
    if (asked.comparison === "between") values[":upper"] = value(range, asked.upper);
    condition +=
      asked.comparison === "begins" ? " AND begins_with(#range, :range)" : asked.comparison === "between" ? " AND #range BETWEEN :range AND :upper" : ` AND #range ${asked.comparison} :range`;
  }
  return {
    ...(asked.index !== "" && { IndexName: asked.index }),
    KeyConditionExpression: condition,
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}
