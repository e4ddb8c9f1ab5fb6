//! What belongs to a stream and goes with it.

import type { Application } from "../applications/load_application";
import { counted } from "../show/format";

/** Something that is deleted. */
export interface Part {
  kind: "stream" | "table";
  name: string;
  /** What it is, for people. */
  why: string;
}

/** What became of a part; without a problem, it is gone. */
export interface Done {
  part: Part;
  problem?: string;
}

export function partKey(part: Part): string {
  return `${part.kind} ${part.name}`;
}

/** The parts, in the order in which they go: the stream first, so that nothing reads what is being deleted. */
export function finishPlan(stream: string, consumers: readonly string[], applications: readonly Pick<Application, "name" | "moreTables" | "leases">[]): Part[] {
  const fanOut = consumers.length === 0 ? "" : `, with ${counted(consumers.length, "fan-out consumer")}: ${consumers.join(", ")}`;
  return [
    { kind: "stream", name: stream, why: `All its shards and records${fanOut}.` },
    ...applications.flatMap((application): Part[] => [
      { kind: "table", name: application.name, why: `${counted(application.leases.length, "lease")} of an application that reads the stream.` },
      ...application.moreTables.map((name): Part => ({ kind: "table", name, why: `Belongs to ${application.name}.` })),
    ]),
  ];
}
