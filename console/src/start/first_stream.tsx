//! An empty server: commands to copy, and a button that makes a stream and puts records on it.

import { CreateStreamCommand, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";

import { kinesisOf, listStreams } from "../api/kinesis";
import { untilActive } from "../api/until_active";
import { useAction } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import { aws, millstream } from "../shell/copy_for";
import { useSay } from "../shell/notices";
import { REGIONS } from "../shell/regions";
import { go, hrefOf } from "../shell/route";
import { Command } from "../show/command";
import { ProblemBox } from "../show/problem_box";

const NAME = "first-stream";
const SYMBOLS = ["ACME", "BOLT", "CRAB", "DUNE", "ECHO"];

export function FirstStream({ again }: { again: () => void }) {
  const access = useAccess();
  const say = useSay();
  const mayMake = useMay("delete streams");
  const make = useAction(async () => {
    const kinesis = kinesisOf(access);
    await kinesis.send(new CreateStreamCommand({ StreamName: NAME, ShardCount: 2 }));
    await untilActive(kinesis, NAME);
    await kinesis.send(
      new PutRecordsCommand({
        StreamName: NAME,
        Records: Array.from({ length: 50 }, (_, id) => {
          const tickerSymbol = SYMBOLS[id % SYMBOLS.length]!;
          const trade = { tickerSymbol, tradeType: id % 3 === 0 ? "SELL" : "BUY", price: 20 + ((id * 37) % 90), quantity: 1 + (id % 9), id };
          return { PartitionKey: tickerSymbol, Data: new TextEncoder().encode(JSON.stringify(trade)) };
        }),
      }),
    );
    say("success", `${NAME} has two shards and 50 records.`);
    go(hrefOf(access.region, ["streams", NAME, "records"], { from: "oldest" }));
  });
  const name = "orders";
  return (
    <ColumnLayout columns={2}>
      <Container header={<Header variant="h2">Begin here</Header>}>
        <SpaceBetween size="m">
          <Box variant="p">There is no stream in {access.region} yet. Make one with records on it, and look at them:</Box>
          <ProblemBox problem={make.problem} />
          {mayMake && (
            <SpaceBetween size="xs" direction="horizontal">
              <Button variant="primary" loading={make.isRunning} onClick={() => void make.run()}>
                Make a stream with 50 records
              </Button>
              <Button href={hrefOf(access.region, ["create-stream"])}>Create one of your own</Button>
            </SpaceBetween>
          )}
          <Elsewhere again={again} />
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">From a terminal</Header>}>
        <SpaceBetween size="s">
          <Command label="create a stream" text={aws(access.region, "kinesis", "create-stream", "--stream-name", name, "--shard-count", "2")} />
          <Command label="put a record" text={millstream(access.region, "records", "put", name, '{"total":12}', "--partition-key", "customer-7")} />
          <Command label="follow the stream" text={millstream(access.region, "records", "tail", name, "--from", "trim-horizon")} />
        </SpaceBetween>
      </Container>
    </ColumnLayout>
  );
}

/** Streams are of a region: who finds none may look in the wrong one. */
function Elsewhere({ again }: { again: () => void }) {
  const access = useAccess();
  const [found, setFound] = useState<{ region: string; streams: number }[]>();
  const look = useAction(async () => {
    const others = REGIONS.filter((region) => region !== access.region);
    const counts = [];
    for (const region of others) {
      const streams = await listStreams(kinesisOf({ ...access, region }));
      if (streams.length > 0) counts.push({ region, streams: streams.length });
    }
    setFound(counts);
    again();
  });
  return (
    <SpaceBetween size="xs">
      <Box color="text-body-secondary">
        Streams belong to a region, which clients choose.{" "}
        <Button variant="inline-link" loading={look.isRunning} onClick={() => void look.run()}>
          Look in the others
        </Button>
      </Box>
      <div role="status">
        {found?.length === 0 && <Box>There is none in any of the {REGIONS.length} regions of the list.</Box>}
        {found?.map(({ region, streams }) => (
          <Box key={region}>
            <Link href={hrefOf(region, ["streams"])}>{region}</Link>: {streams}
          </Box>
        ))}
      </div>
      <ProblemBox problem={look.problem} />
    </SpaceBetween>
  );
}
