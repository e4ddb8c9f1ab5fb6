// A function that the framework calls with the records of one shard.
const { appendFileSync } = require("fs");

exports.tell = async ({ Records }) => {
  const lines = Records.map(({ eventID, kinesis: { data } }) =>
    `${Date.now()} record ${eventID.split(":")[0]} ${Buffer.from(data, "base64")}\n`);
  appendFileSync(process.env.LEDGER, lines.join(""));
};
