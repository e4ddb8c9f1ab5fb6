//! The frame of a change to shards: what is now, what will be, and the button.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";

import { kinesisOf } from "../api/kinesis";
import { useAction } from "../api/load";
import { useAccess } from "../api/session";
import { untilActive } from "../api/until_active";
import { useSay } from "../shell/notices";
import { ProblemBox } from "../show/problem_box";
import type { MapShard } from "./geometry";
import { Strip } from "./strip";

export function ChangeDialog(props: {
  stream: string;
  header: string;
  verb: string;
  isReady: boolean;
  before: readonly MapShard[];
  after: readonly MapShard[];
  /** What the change does, in a sentence. */
  does: ReactNode;
  chosen?: readonly string[];
  marks?: readonly bigint[];
  close: () => void;
  change: () => Promise<unknown>;
  said: string;
  onDone: () => void;
  children?: ReactNode;
}) {
  const access = useAccess();
  const say = useSay();
  const action = useAction(async () => {
    await props.change();
    await untilActive(kinesisOf(access), props.stream);
    say("success", props.said);
    props.onDone();
  });
  return (
    <Modal
      visible
      size="large"
      header={props.header}
      onDismiss={() => !action.isRunning && props.close()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={props.close} disabled={action.isRunning}>
              Cancel
            </Button>
            <Button variant="primary" disabled={!props.isReady} loading={action.isRunning} onClick={() => void action.run()}>
              {props.verb}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {props.children}
        <div>
          <Box variant="awsui-key-label">Now</Box>
          <Strip shards={props.before} label="Open shards now" chosen={props.chosen ?? []} marks={props.marks ?? []} />
        </div>
        <div>
          <Box variant="awsui-key-label">Then</Box>
          <Strip shards={props.after} label="Open shards after the change" />
        </div>
        <Box variant="p" color="text-body-secondary">
          {props.does} Records that are there stay in the closed shards until their retention ends, and readers finish those first.
        </Box>
        <ProblemBox problem={action.problem} />
      </SpaceBetween>
    </Modal>
  );
}
