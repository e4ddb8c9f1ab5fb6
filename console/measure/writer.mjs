//! Puts records on a stream at a rate, until it is ended: `node writer.mjs URL STREAM RECORDS_PER_S`.

import { setTimeout as sleep } from "node:timers/promises";

import { KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";

const [, , endpoint, StreamName, rate] = process.argv;
const kinesis = new KinesisClient({ region: "us-east-1", endpoint, credentials: { accessKeyId: "test", secretAccessKey: "test" } });
const BATCH = 500;
const IN_FLIGHT_MAX = 8;
const encoder = new TextEncoder();
const flying = new Set();
let id = 0;

/** A trade, of some 120 bytes. */
function trade() {
  id += 1;
  const text = JSON.stringify({ id, tickerSymbol: `S${id % 400}`, tradeType: id % 3 ? "BUY" : "SELL", price: (id * 37) % 9000, quantity: 1 + (id % 90), at: new Date().toISOString() });
  return { PartitionKey: `customer-${id % 10_007}`, Data: encoder.encode(text) };
}

const began = performance.now();
for (;;) {
  while (flying.size >= IN_FLIGHT_MAX) await Promise.race(flying);
  const call = kinesis.send(new PutRecordsCommand({ StreamName, Records: Array.from({ length: BATCH }, trade) })).then((answer) => {
    // What was refused is put by nobody again: a rate is what is wanted here, and the reader tells how many came.
    if (answer.FailedRecordCount) console.error(`${answer.FailedRecordCount} records were refused`);
    flying.delete(call);
  });
  flying.add(call);
  const due = began + (id / Number(rate)) * 1000;
  if (due > performance.now()) await sleep(due - performance.now());
}
