//! Moving checkpoints: what is written, and under which condition.

import { type DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";

import type { Lease } from "./lease";

/** A checkpoint that a lease is to get. */
export interface Target {
  checkpoint: string;
  subSequenceNumber: number;
}

/**
 * Sets a lease's checkpoint, if nobody has touched the lease since it was read: a renewal raises the counter. The lease is
 * nobody's afterwards, so that the next worker takes it and begins there. Throws ConditionalCheckFailedException if
 * somebody has; then nothing is changed.
 */
export async function moveCheckpoint(dynamodb: DynamoDBClient, table: string, lease: Lease, target: Target): Promise<void> {
  await dynamodb.send(
    new UpdateItemCommand({
      TableName: table,
      Key: { leaseKey: { S: lease.key } },
      UpdateExpression:
        "SET #checkpoint = :checkpoint, checkpointSubSequenceNumber = :sub, leaseCounter = :next, ownerSwitchesSinceCheckpoint = :none " +
        "REMOVE leaseOwner, checkpointOwner, pendingCheckpoint, pendingCheckpointSubSequenceNumber, pendingCheckpointState, latestAtMs",
      ConditionExpression: "leaseCounter = :seen AND #checkpoint = :before",
      ExpressionAttributeNames: { "#checkpoint": "checkpoint" },
      ExpressionAttributeValues: {
        ":checkpoint": { S: target.checkpoint },
        ":sub": { N: String(target.subSequenceNumber) },
        ":next": { N: String(lease.counter + 1n) },
        ":none": { N: "0" },
        ":seen": { N: String(lease.counter) },
        ":before": { S: lease.checkpoint },
      },
    }),
  );
}

/** What became of the records between two checkpoints. */
export type Effect = "again" | "never" | "same";
