//! One record, whole.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState } from "react";

import { hrefOf } from "../shell/route";
import { useSay } from "../shell/notices";
import { hashKeyOf } from "../shards/geometry";
import { bytes, count } from "../show/format";
import { Moment } from "../show/moment";
import { visible } from "./bytes";
import { type Decoded, decode, type Reading, READINGS } from "./decode";
import { commandsFor, save } from "./export";
import { indented } from "./json_text";
import type { ShownRecord } from "./reader";

/** More letters are not laid out at once: a browser takes seconds for ten million. */
const SHOWN_LETTERS = 100_000;
const NAMES: Record<Reading, string> = { auto: "Auto", json: "JSON", text: "Text", cbor: "CBOR", hex: "Hex" };

export function RecordDetail(props: {
  record: ShownRecord;
  region: string;
  stream: string;
  mayPut: boolean;
  close: () => void;
  putAgain: () => void;
}) {
  const { record, region, stream, close } = props;
  const say = useSay();
  const [reading, setReading] = useState<Reading>("auto");
  const [decoded, setDecoded] = useState<Decoded>();
  const [isWhole, setWhole] = useState(false);
  useEffect(() => {
    let isOver = false;
    setWhole(false);
    void decode(record.data, reading).then((found) => !isOver && setDecoded(found));
    return () => {
      isOver = true;
    };
  }, [record, reading]);
  const commands = commandsFor(region, stream, record);
  const copy = async (text: string, what: string) => {
    try {
      await navigator.clipboard.writeText(text);
      say("success", `Copied: ${what}`);
    } catch {
      say("error", "The browser does not let this page copy.");
    }
  };
  const address = () =>
    `${globalThis.location.origin}/${hrefOf(region, ["streams", stream, "records"], { from: "number", shard: record.shardId, number: record.sequenceNumber, record: record.id })}`;
  const text = decoded ? pretty(decoded) : "";
  return (
    <Container
      header={
        <Header variant="h2" actions={<Button iconName="close" variant="icon" ariaLabel="Close the record" onClick={close} />}>
          Record
        </Header>
      }
    >
      <SpaceBetween size="m">
        <SegmentedControl
          label="Read it as"
          selectedId={reading}
          onChange={({ detail }) => setReading(detail.selectedId as Reading)}
          options={READINGS.map((id) => ({ id, text: NAMES[id] }))}
        />
        {decoded?.problem && <Alert type="warning">It {decoded.problem}.</Alert>}
        <pre className="record-text" tabIndex={0} aria-label="Data of the record">
          {isWhole ? text : text.slice(0, SHOWN_LETTERS)}
        </pre>
        {!isWhole && text.length > SHOWN_LETTERS && (
          <Box color="text-body-secondary">
            {count(text.length - SHOWN_LETTERS)} more letters. <Button variant="inline-link" onClick={() => setWhole(true)}>Show all</Button>
          </Box>
        )}
        <SpaceBetween direction="horizontal" size="xs">
          <ButtonDropdown
            items={[
              { id: "data", text: "The data as shown" },
              { id: "link", text: "A link to the record" },
              ...commands.map((command, index) => ({ id: `command-${index}`, text: `Command: ${command.name}` })),
            ]}
            onItemClick={({ detail: { id } }) => {
              if (id === "data") void copy(text, "the data");
              else if (id === "link") void copy(address(), "a link to the record");
              else {
                const command = commands[Number(id.split("-")[1])]!;
                void copy(command.text, command.name);
              }
            }}
          >
            Copy
          </ButtonDropdown>
          <Button iconName="download" onClick={() => save(`${stream}-${record.sequenceNumber}.bin`, record.data as BlobPart, "application/octet-stream")}>
            Download
          </Button>
          {props.mayPut && <Button onClick={props.putAgain}>Put again…</Button>}
        </SpaceBetween>
        <KeyValuePairs
          columns={1}
          items={[
            { label: "Partition key", value: <span className="breakable mono">{visible(record.partitionKey)}</span> },
            { label: "Sequence number", value: <span className="breakable mono">{record.sequenceNumber}{record.subSequenceNumber !== undefined && ` · ${record.subSequenceNumber} in it`}</span> },
            { label: "Shard", value: <span className="mono">{record.shardId}</span> },
            { label: "Arrived", value: <Moment at={new Date(record.arrivedMs)} withMs /> },
            { label: "Hash key", value: <span className="breakable mono">{record.explicitHashKey ?? String(hashKeyOf(record.partitionKey))}</span> },
            { label: "Size and kind", value: <span title={`${count(record.data.length)} bytes`}>{`${bytes(record.data.length)} · ${(decoded?.kinds ?? record.kinds).join(" · ")}`}</span> },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}

function pretty(decoded: Decoded): string {
  return decoded.value !== undefined && decoded.text.length < 1_000_000 ? indented(decoded.text) : decoded.text;
}
