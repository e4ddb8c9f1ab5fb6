//! How far somebody is behind, in time and records.

import StatusIndicator from "@cloudscape-design/components/status-indicator";

import { count, duration } from "../show/format";
import type { Lag } from "./lag";

/** Later than this is late for a stream. */
const LATE_MS = 60_000;

export function Behind({ lag }: { lag: Lag | undefined }) {
  if (!lag) return <span title="That cannot be told from the checkpoint">–</span>;
  if (lag.records === 0) return <StatusIndicator type="success">At the tip</StatusIndicator>;
  const records = `${lag.isAtLeast ? "at least " : ""}${count(lag.records)} ${lag.records === 1 ? "record" : "records"}`;
  return (
    <StatusIndicator type={lag.behindMs > LATE_MS ? "warning" : "info"}>
      <span title={`${lag.behindMs} ms, ${records}`}>
        {duration(lag.behindMs)}, {records}
      </span>
    </StatusIndicator>
  );
}
