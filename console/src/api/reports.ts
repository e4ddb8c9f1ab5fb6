//! What all calls together tell of the server: whether it is there, and whether it still knows the key.

import { useSyncExternalStore } from "react";

import type { Problem } from "./problem";

/** What the last calls told. */
export interface Report {
  isAway: boolean;
  /** The server's words for not knowing the key any more. */
  signedOut?: string;
}

let report: Report = { isAway: false };
const listeners = new Set<() => void>();

function tell(next: Report): void {
  if (next.isAway === report.isAway && next.signedOut === report.signedOut) return;
  report = next;
  for (const listener of listeners) listener();
}

/** A call has ended; with no problem, the server answered. */
export function reportProblem(problem: Problem | undefined): void {
  if (problem?.kind === "away") tell({ ...report, isAway: true });
  else if (problem?.kind === "signed-out") tell({ isAway: false, signedOut: problem.message });
  else if (report.isAway) tell({ ...report, isAway: false });
}

/** Somebody has signed in. */
export function forgetSignedOut(): void {
  tell({ isAway: report.isAway });
}

export function useReport(): Report {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => report,
  );
}
