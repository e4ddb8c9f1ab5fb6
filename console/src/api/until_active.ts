//! Waiting for a stream's change to be complete.

import type { KinesisClient } from "@aws-sdk/client-kinesis";

import { describeStream } from "./kinesis";

const LOOK_AGAIN_MS = 250;
const WAIT_MAX_MS = 60_000;

/** Waits until a stream is ACTIVE, a minute at most. */
export async function untilActive(kinesis: KinesisClient, name: string): Promise<void> {
  const deadline = performance.now() + WAIT_MAX_MS;
  while ((await describeStream(kinesis, name)).StreamStatus !== "ACTIVE") {
    if (performance.now() > deadline) throw new Error(`${name} is not ACTIVE after a minute; it may still become so`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
