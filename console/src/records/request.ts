//! What a reader of records asks for, as it stands in the address.

import { type Reading, READINGS } from "./decode";
import type { Filter } from "./filter";
import type { From } from "./reader";

/** What the form says. */
export interface RecordsRequest {
  at: "newest" | "oldest" | "time" | "number";
  /** ISO 8601 in UTC, as `2026-11-28T12:00:00.000Z`. */
  time: string;
  shardId: string;
  sequenceNumber: string;
  filter: Filter;
  reading: Reading;
  scanMax: number;
}

export const SCAN_BUDGETS = [10_000, 100_000, 1_000_000] as const;
const PLACES = ["newest", "oldest", "time", "number"] as const;

export function fromQuery(query: URLSearchParams): RecordsRequest {
  const text = (name: string) => query.get(name) ?? "";
  return {
    at: PLACES.find((place) => place === text("from")) ?? "newest",
    time: text("time"),
    shardId: text("shard"),
    sequenceNumber: text("number"),
    filter: { key: text("key"), text: text("text"), expression: text("where") },
    reading: READINGS.find((reading) => reading === text("as")) ?? "auto",
    scanMax: SCAN_BUDGETS.find((budget) => String(budget) === text("scan")) ?? SCAN_BUDGETS[1],
  };
}

export function toQuery(request: RecordsRequest): Record<string, string | undefined> {
  return {
    from: request.at === "newest" ? undefined : request.at,
    time: request.at === "time" ? request.time : undefined,
    shard: request.shardId,
    number: request.at === "number" ? request.sequenceNumber : undefined,
    key: request.filter.key,
    text: request.filter.text,
    where: request.filter.expression,
    as: request.reading === "auto" ? undefined : request.reading,
    scan: request.scanMax === SCAN_BUDGETS[1] ? undefined : String(request.scanMax),
  };
}

/** Where reading starts; a text if that cannot be told. */
export function placeOf(request: RecordsRequest): From | string {
  switch (request.at) {
    case "newest":
    case "oldest":
      return { at: request.at };
    case "time": {
      const time = new Date(request.time);
      return Number.isNaN(time.getTime()) ? "Say the time, such as 2026-11-28T12:00:00Z." : { at: "time", time };
    }
    case "number":
      if (!/^\d+$/.test(request.sequenceNumber)) return "A sequence number is all digits.";
      if (request.shardId === "") return "A sequence number is one of a shard: choose the shard too.";
      return { at: "number", shardId: request.shardId, sequenceNumber: request.sequenceNumber };
  }
}
