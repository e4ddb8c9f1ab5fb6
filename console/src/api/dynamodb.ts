//! The tables' client.

import { DescribeTableCommand, DynamoDBClient, ListTablesCommand, ScanCommand, type ScanCommandInput, type TableDescription } from "@aws-sdk/client-dynamodb";

import type { Row } from "../applications/lease";
import { type Access, clientSettings, once } from "./access";

export const dynamodbOf = once((access: Access) => new DynamoDBClient(clientSettings(access)));

/** Names of all tables of the account in the region. */
export async function listTables(dynamodb: DynamoDBClient, signal?: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  let ExclusiveStartTableName: string | undefined;
  do {
    const page = await dynamodb.send(new ListTablesCommand({ ...(ExclusiveStartTableName && { ExclusiveStartTableName }) }), { abortSignal: signal });
    names.push(...(page.TableNames ?? []));
    ExclusiveStartTableName = page.LastEvaluatedTableName;
  } while (ExclusiveStartTableName);
  return names;
}

export async function describeTable(dynamodb: DynamoDBClient, name: string, signal?: AbortSignal): Promise<TableDescription> {
  const answer = await dynamodb.send(new DescribeTableCommand({ TableName: name }), { abortSignal: signal });
  return answer.Table!;
}

/** Rows of a table, at most so many; and whether there are more. `only` says which rows, and what of them, are sent at all. */
export async function scanRows(
  dynamodb: DynamoDBClient,
  name: string,
  rowsMax: number,
  signal?: AbortSignal,
  only: Omit<ScanCommandInput, "TableName"> = {},
): Promise<{ rows: Row[]; isMore: boolean }> {
  const rows: Row[] = [];
  let ExclusiveStartKey: Record<string, never> | undefined;
  do {
    const page = await dynamodb.send(
      new ScanCommand({ ...only, TableName: name, ConsistentRead: true, ...(ExclusiveStartKey && { ExclusiveStartKey }) }),
      { abortSignal: signal },
    );
    rows.push(...((page.Items ?? []) as Row[]));
    ExclusiveStartKey = page.LastEvaluatedKey as Record<string, never> | undefined;
  } while (ExclusiveStartKey && rows.length < rowsMax);
  return { rows, isMore: ExclusiveStartKey !== undefined };
}
