//! A table's keys in a few words.

import type { KeySchemaElement, TableDescription } from "@aws-sdk/client-dynamodb";

export function keysText(table: Pick<TableDescription, "KeySchema" | "AttributeDefinitions"> | undefined): string {
  const types = new Map((table?.AttributeDefinitions ?? []).map((one) => [one.AttributeName, one.AttributeType]));
  return (table?.KeySchema ?? []).map((key) => `${key.AttributeName} (${types.get(key.AttributeName) ?? "?"})`).join(", ") || "–";
}

export function keyNames(schema: readonly KeySchemaElement[] | undefined): string[] {
  return (schema ?? []).map((key) => key.AttributeName ?? "");
}
