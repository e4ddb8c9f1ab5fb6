//! A stream's or table's status.

import StatusIndicator from "@cloudscape-design/components/status-indicator";

const KINDS: Record<string, "success" | "in-progress" | "pending" | "error"> = {
  ACTIVE: "success",
  CREATING: "pending",
  UPDATING: "in-progress",
  DELETING: "in-progress",
};

export function Status({ of }: { of: string | undefined }) {
  if (!of) return <StatusIndicator type="pending">unknown</StatusIndicator>;
  const text = of.charAt(0) + of.slice(1).toLowerCase();
  return <StatusIndicator type={KINDS[of] ?? "info"}>{text}</StatusIndicator>;
}
