// One consumer of lifion-kinesis. It checkpoints by itself before it hands on the records, so it is told not to.
const Kinesis = require("lifion-kinesis");
const { openSync, writeSync } = require("fs");

const { AWS_ENDPOINT_URL: endpoint, AWS_REGION: region, STREAM, APPLICATION, LEDGER } = process.env;
const file = openSync(LEDGER, "a");
const logger = {
  debug() {},
  warn: (...said) => console.log("WARN", ...said),
  error: (...said) => console.log("ERROR", ...said),
};

const consumer = new Kinesis({
  endpoint, region, logger,
  streamName: STREAM,
  consumerGroup: APPLICATION,
  createStreamIfNeeded: false,
  dynamoDb: { endpoint, region, tableName: APPLICATION },
  initialPositionInStream: "TRIM_HORIZON",
  leaseAcquisitionInterval: 2000,
  useAutoCheckpoints: false,
  usePausedPolling: true,
});

consumer.on("data", async ({ shardId, records, setCheckpoint, continuePolling }) => {
  writeSync(file, records.map(({ data }) => `${Date.now()} record ${shardId} ${data}\n`).join(""));
  const { sequenceNumber, approximateArrivalTimestamp } = records[records.length - 1];
  await setCheckpoint(sequenceNumber, approximateArrivalTimestamp);
  writeSync(file, `${Date.now()} checkpoint ${shardId}\n`);
  continuePolling();
});
consumer.on("error", (error) => logger.error(error));
consumer.startConsumer();

process.on("SIGTERM", () => {
  consumer.stopConsumer();
  setTimeout(() => process.exit(0), 1000); // It does not say when it has stopped.
});
