//! Fan-out consumers.

import { type Consumer, DeregisterStreamConsumerCommand, ListStreamConsumersCommand, RegisterStreamConsumerCommand } from "@aws-sdk/client-kinesis";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { type FormEvent, useState } from "react";

import { kinesisOf } from "../api/kinesis";
import { useAction, useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import { useSay } from "../shell/notices";
import { DeleteDialog } from "../show/delete_dialog";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Status } from "../show/status";

export function Consumers({ arn }: { arn: string }) {
  const access = useAccess();
  const say = useSay();
  const mayChange = useMay("change streams");
  const [chosen, setChosen] = useState<Consumer[]>([]);
  const [dialog, setDialog] = useState<"register" | "deregister">();
  const kinesis = kinesisOf(access);
  const consumers = useLoad(
    `consumers ${arn}`,
    async (signal) => {
      const found: Consumer[] = [];
      let NextToken: string | undefined;
      do {
        const page = await kinesis.send(new ListStreamConsumersCommand({ StreamARN: arn, ...(NextToken && { NextToken }) }), { abortSignal: signal });
        found.push(...(page.Consumers ?? []));
        NextToken = page.NextToken;
      } while (NextToken);
      return found;
    },
    10_000,
  );
  return (
    <>
      <Table
        variant="container"
        items={consumers.value ?? []}
        trackBy="ConsumerName"
        loading={consumers.isLoading}
        loadingText="Loading"
        enableKeyboardNavigation
        {...(mayChange && { selectionType: "single" as const, selectedItems: chosen, onSelectionChange: ({ detail }: { detail: { selectedItems: Consumer[] } }) => setChosen(detail.selectedItems) })}
        ariaLabels={{ tableLabel: "Fan-out consumers", selectionGroupLabel: "Choose a consumer", itemSelectionLabel: (_, consumer) => `Choose ${consumer.ConsumerName}` }}
        header={
          <Header
            variant="h2"
            counter={consumers.value ? `(${consumers.value.length})` : ""}
            description="Programs that read by SubscribeToShard, each with a throughput of its own."
            actions={
              mayChange && (
                <SpaceBetween direction="horizontal" size="xs">
                  <Button disabled={chosen.length === 0} onClick={() => setDialog("deregister")}>
                    Deregister
                  </Button>
                  <Button onClick={() => setDialog("register")}>Register…</Button>
                </SpaceBetween>
              )
            }
          >
            Fan-out consumers
          </Header>
        }
        empty={<Nothing title="No consumer is registered">Programs that poll need none.</Nothing>}
        {...(consumers.problem && consumers.problem.kind !== "away" && { footer: <ProblemBox problem={consumers.problem} /> })}
        columnDefinitions={[
          { id: "name", header: "Name", isRowHeader: true, cell: (consumer) => consumer.ConsumerName },
          { id: "status", header: "Status", cell: (consumer) => <Status of={consumer.ConsumerStatus} /> },
          { id: "made", header: "Registered", cell: (consumer) => <Moment at={consumer.ConsumerCreationTimestamp} /> },
          { id: "arn", header: "ARN", cell: (consumer) => <span className="mono breakable">{consumer.ConsumerARN}</span> },
        ]}
      />
      {dialog === "register" && (
        <Register
          arn={arn}
          close={() => setDialog(undefined)}
          onDone={(name) => {
            setDialog(undefined);
            say("success", `${name} is registered.`);
            consumers.again();
          }}
        />
      )}
      {dialog === "deregister" && chosen[0] && (
        <DeleteDialog
          what={`the consumer ${chosen[0].ConsumerName}`}
          typed={chosen[0].ConsumerName ?? ""}
          names={[chosen[0].ConsumerARN ?? ""]}
          consequence="Its subscriptions end. The stream and its records stay."
          close={() => setDialog(undefined)}
          remove={async (ConsumerARN) => {
            await kinesis.send(new DeregisterStreamConsumerCommand({ ConsumerARN }));
          }}
          onDone={() => {
            setChosen([]);
            say("success", "The consumer is deregistered.");
            consumers.again();
          }}
        />
      )}
    </>
  );
}

function Register({ arn, close, onDone }: { arn: string; close: () => void; onDone: (name: string) => void }) {
  const access = useAccess();
  const [name, setName] = useState("");
  const isReady = /^[a-zA-Z0-9_.-]{1,128}$/.test(name);
  const action = useAction(async () => {
    await kinesisOf(access).send(new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: name }));
    onDone(name);
  });
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (isReady) void action.run();
  };
  return (
    <Modal
      visible
      header="Register a consumer"
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button variant="primary" disabled={!isReady} loading={action.isRunning} onClick={() => submit()}>
              Register
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <FormField label="Name" constraintText="1 to 128 letters, digits, _, . and -">
            <Input value={name} onChange={({ detail }) => setName(detail.value)} autoFocus spellcheck={false} autoComplete={false} />
          </FormField>
          <ProblemBox problem={action.problem} />
        </SpaceBetween>
      </form>
    </Modal>
  );
}
