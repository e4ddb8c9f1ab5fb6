//! Reads all shards of a stream and gives out their records in the order of arrival, filtered, until it is told to stop.
//!
//! By GetRecords: a browser has six connections to a server, and a subscription would keep one for each shard.

import {
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  type Shard,
  type _Record,
} from "@aws-sdk/client-kinesis";

import { listShards } from "../api/kinesis";
import { type Problem, problemOf } from "../api/problem";
import { readPlain, decode, isPacked, open, type Reading } from "./decode";
import { isEmpty, type Filter, matcher, type Matcher } from "./filter";
import { Merge } from "./merge";

/** Where reading starts. */
export type From =
  | { at: "newest" }
  | { at: "oldest" }
  | { at: "time"; time: Date }
  | { at: "number"; shardId: string; sequenceNumber: string };

/** A record as it is listed. */
export interface ShownRecord {
  /** Unlike that of any other record of the stream. */
  id: string;
  shardId: string;
  sequenceNumber: string;
  /** Place in an aggregated record. */
  subSequenceNumber?: number;
  partitionKey: string;
  explicitHashKey?: string;
  arrivedMs: number;
  data: Uint8Array;
  kinds: string[];
  /** The beginning of the text, on one line. */
  preview: string;
}

/** What a reader tells, several times a second at most. */
export interface Progress {
  state: "reading" | "paused" | "ended";
  /** Why it paused by itself. */
  because?: "budget" | "shown";
  problem?: Problem;
  scanned: number;
  scannedBytes: number;
  /** Since it went on last. */
  scannedOfBudget: number;
  matched: number;
  /** Oldest that made room for newer ones. */
  dropped: number;
  /** How far behind the newest record the slowest shard is, as far as is known. */
  behindMs: number;
  /** Whether every open shard has answered that nothing is behind what it gave. */
  isAtTip: boolean;
  shards: number;
  /** Those of them that have not answered yet. */
  unanswered: number;
  /** Arrival of the last record that was looked at. */
  lastArrivedMs?: number;
}

export interface ReaderSettings {
  from: From;
  /** Only this shard. */
  shardId?: string;
  filter: Filter;
  reading: Reading;
  /** After so many records without having caught up, it pauses. */
  scanMax: number;
  /** Records that are kept; newer ones push out the oldest. */
  shownMax: number;
  /** Their bytes, together. */
  shownBytesMax: number;
}

/** Fewer than a browser's six: pages have something to ask too. */
const PARALLEL = 4;
/** A shard answers five readers a second on AWS. */
const REST_MS = 250;
/** A larger answer takes the page a moment too long to read. */
const RECORDS_PER_CALL = 500;
/** Records of a shard that wait for those of others. */
const WAITING_MAX = 5000;
/** How often new shards are looked for. */
const SHARDS_MS = 10_000;
/** Records that are looked at before the page gets a turn. */
const SLICE = 200;
const SLICE_MS = 25;
const TELL_MS = 150;
/** While nothing is at the tip, this many new ones fill the page. */
const PAGE = 500;
const PREVIEW_LETTERS = 300;

interface Lane {
  shardId: string;
  parents: string[];
  iterator?: string;
  /** Where a new iterator would start. */
  last?: string;
  /** When it answered last. */
  answeredAt?: Date;
  nextMs: number;
  behindMs: number;
  isBusy: boolean;
  isOver: boolean;
}

interface Raw {
  shardId: string;
  sequenceNumber: string;
  arrivedMs: number;
  record: _Record;
}

export class Reader {
  private readonly merge = new Merge<Raw>();
  private readonly lanes = new Map<string, Lane>();
  private readonly matches: Matcher;
  private readonly abort = new AbortController();
  private shown: ShownRecord[] = [];
  private shownBytes = 0;
  private matchedOnPage = 0;
  private progress: Progress = {
    state: "reading",
    scanned: 0,
    scannedBytes: 0,
    scannedOfBudget: 0,
    matched: 0,
    dropped: 0,
    behindMs: 0,
    isAtTip: false,
    shards: 0,
    unanswered: 0,
  };
  private wake: (() => void) | undefined;
  private toldMs = 0;

  constructor(
    private readonly kinesis: KinesisClient,
    private readonly streamName: string,
    private readonly settings: ReaderSettings,
    private readonly tell: (records: ShownRecord[], progress: Progress) => void,
  ) {
    this.matches = matcher(settings.filter);
  }

  /** Begins. Call it once. */
  start(): void {
    void this.run();
  }

  /** Ends for good: nothing is told any more. */
  stop(): void {
    this.abort.abort();
    this.wake?.();
  }

  pause(): void {
    if (this.progress.state === "reading") this.set({ state: "paused" });
  }

  /** Goes on after a pause, with a new budget. */
  goOn(): void {
    if (this.progress.state !== "paused") return;
    this.matchedOnPage = 0;
    const { because: _, ...rest } = this.progress;
    this.progress = { ...rest, state: "reading", scannedOfBudget: 0 };
    this.wake?.();
    this.say(true);
  }

  private set(change: Partial<Progress>): void {
    this.progress = { ...this.progress, ...change };
    this.say(true);
  }

  private say(isNow = false): void {
    const now = performance.now();
    if (this.abort.signal.aborted || (!isNow && now - this.toldMs < TELL_MS)) return;
    this.toldMs = now;
    this.lookAtLanes();
    // Copies: what was told is the page's.
    this.tell([...this.shown], { ...this.progress });
  }

  /** What the open shards say together. */
  private lookAtLanes(): void {
    let [shards, behindMs, unanswered] = [0, 0, 0];
    for (const lane of this.lanes.values()) {
      if (lane.isOver) continue;
      shards += 1;
      behindMs = Math.max(behindMs, lane.behindMs);
      if (!lane.answeredAt) unanswered += 1;
    }
    // With no open shard left, the children of those that have ended are not read yet.
    Object.assign(this.progress, { shards, unanswered, behindMs, isAtTip: shards > 0 && unanswered === 0 && behindMs === 0 });
  }

  private get isStopped(): boolean {
    return this.abort.signal.aborted;
  }

  private async run(): Promise<void> {
    let looked = -Infinity;
    while (!this.isStopped) {
      if (this.progress.state !== "reading") {
        await this.sleep(60_000);
        continue;
      }
      try {
        if (performance.now() - looked > SHARDS_MS) {
          await this.lookForShards();
          looked = performance.now();
        }
        const read = await this.readSome();
        const given = await this.giveOut();
        if (this.progress.problem) {
          const { problem: _, ...rest } = this.progress;
          this.progress = rest;
        }
        if ([...this.lanes.values()].every((lane) => lane.isOver) && this.merge.isEmpty && this.lanes.size > 0) {
          // Every shard has ended: the stream was split meanwhile, or this one shard is all that was asked for.
          if (this.settings.shardId !== undefined) this.set({ state: "ended" });
          else looked = -Infinity;
        }
        this.say();
        if (read + given === 0) await this.sleep(REST_MS);
      } catch (error) {
        if (this.isStopped) return;
        const problem = problemOf(error);
        if (problem.kind === "away" || problem.kind === "throttled") {
          this.set({ problem });
          await this.sleep(1500);
        } else {
          this.set({ problem, state: "ended" });
          return;
        }
      }
    }
  }

  /** Shards that are to be read: those that hold what was asked for, and their children once they have ended. */
  private async lookForShards(): Promise<void> {
    const { from, shardId } = this.settings;
    const isFirst = this.lanes.size === 0;
    const shards = await listShards(this.kinesis, this.streamName, this.abort.signal);
    for (const shard of shards) {
      const id = shard.ShardId ?? "";
      const isWanted = shardId === undefined || id === shardId;
      const isTheOne = from.at !== "number" || shardId !== undefined || id === from.shardId || !isFirst;
      if (this.lanes.has(id) || !isWanted || !isTheOne) continue;
      // What was closed before the page came has nothing new.
      if (isFirst && from.at === "newest" && isClosed(shard)) continue;
      this.add(shard, isFirst);
    }
  }

  private add(shard: Shard, isFirst: boolean): void {
    const shardId = shard.ShardId ?? "";
    const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined && this.lanes.has(id));
    this.lanes.set(shardId, {
      shardId,
      parents: parents as string[],
      nextMs: 0,
      behindMs: 0,
      isBusy: false,
      isOver: false,
      // Children that appear later are read from their beginning, whatever was asked for.
      ...(!isFirst && { last: "" }),
    });
    this.merge.add(shardId);
    // A child holds nobody up before its parents have ended: it has nothing older than they.
    if (parents.length > 0) this.merge.end(shardId);
  }

  private async iteratorOf(lane: Lane): Promise<string | undefined> {
    const { from } = this.settings;
    const request = { StreamName: this.streamName, ShardId: lane.shardId };
    const start = lane.last
      ? ({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: lane.last } as const)
      : lane.last === "" || from.at === "oldest"
        ? ({ ShardIteratorType: "TRIM_HORIZON" } as const)
        : from.at === "time"
          ? ({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: from.time } as const)
          : from.at === "number" && from.shardId === lane.shardId
            ? ({ ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: from.sequenceNumber } as const)
            : from.at === "number"
              ? ({ ShardIteratorType: "TRIM_HORIZON" } as const)
              : lane.answeredAt
                ? // It was at the tip, with nothing in it to go on behind.
                  ({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: lane.answeredAt } as const)
                : ({ ShardIteratorType: "LATEST" } as const);
    const answer = await this.kinesis.send(new GetShardIteratorCommand({ ...request, ...start }), { abortSignal: this.abort.signal });
    return answer.ShardIterator;
  }

  /** Reads the shards whose turn it is; how many records came. */
  private async readSome(): Promise<number> {
    const now = performance.now();
    const due = [...this.lanes.values()]
      .filter((lane) => !lane.isOver && !lane.isBusy && lane.nextMs <= now && this.merge.waiting(lane.shardId) < WAITING_MAX)
      .filter((lane) => lane.parents.every((parent) => this.lanes.get(parent)?.isOver !== false))
      // Who holds the others up comes first.
      .sort((one, other) => this.merge.waiting(one.shardId) - this.merge.waiting(other.shardId) || one.nextMs - other.nextMs);
    let came = 0;
    const next = async () => {
      for (let lane = due.shift(); lane && !this.isStopped && this.progress.state === "reading"; lane = due.shift()) {
        came += await this.readLane(lane);
      }
    };
    // Many shards are read in parts, so that records are given out in between.
    due.splice(PARALLEL * 16);
    await Promise.all(Array.from({ length: PARALLEL }, next));
    return came;
  }

  private async readLane(lane: Lane): Promise<number> {
    lane.isBusy = true;
    try {
      lane.iterator ??= await this.iteratorOf(lane);
      const answer = await this.kinesis.send(
        new GetRecordsCommand({ ShardIterator: lane.iterator, Limit: RECORDS_PER_CALL }),
        { abortSignal: this.abort.signal },
      );
      const records = answer.Records ?? [];
      lane.answeredAt = new Date();
      lane.behindMs = answer.MillisBehindLatest ?? 0;
      const isAtTip = lane.behindMs === 0 && records.length < RECORDS_PER_CALL;
      this.merge.push(
        lane.shardId,
        records.map((record) => ({
          shardId: lane.shardId,
          sequenceNumber: record.SequenceNumber ?? "",
          arrivedMs: record.ApproximateArrivalTimestamp?.getTime() ?? 0,
          record,
        })),
        isAtTip,
      );
      lane.last = records.at(-1)?.SequenceNumber ?? lane.last;
      if (answer.NextShardIterator) lane.iterator = answer.NextShardIterator;
      else {
        lane.isOver = true;
        this.merge.end(lane.shardId);
      }
      lane.nextMs = records.length > 0 && !isAtTip ? 0 : performance.now() + REST_MS;
      return records.length;
    } catch (error) {
      if (error instanceof ExpiredIteratorException) {
        // The tab slept for longer than an iterator lives.
        delete lane.iterator;
        return 0;
      }
      throw error;
    } finally {
      lane.isBusy = false;
    }
  }

  /** Gives out what is next, with turns for the page in between; how many were looked at. */
  private async giveOut(): Promise<number> {
    let looked = 0;
    while (!this.isStopped && this.progress.state === "reading") {
      const began = performance.now();
      const some = this.merge.take(SLICE);
      if (some.length === 0) break;
      for (const raw of some) await this.look(raw);
      this.makeRoom();
      looked += some.length;
      this.say();
      this.checkBudget();
      if (performance.now() - began > SLICE_MS) await this.sleep(0);
    }
    return looked;
  }

  private checkBudget(): void {
    this.lookAtLanes();
    const { isAtTip } = this.progress;
    if (isAtTip) this.progress.scannedOfBudget = 0;
    // Who follows the newest asked for no end, and is not held up by a moment in which more came than was read.
    if (isAtTip || this.settings.from.at === "newest") return;
    if (this.progress.scannedOfBudget >= this.settings.scanMax) this.set({ state: "paused", because: "budget" });
    else if (this.matchedOnPage >= PAGE) this.set({ state: "paused", because: "shown" });
  }

  private async look(raw: Raw): Promise<void> {
    const data = raw.record.Data ?? new Uint8Array();
    this.progress.scanned += 1;
    this.progress.scannedOfBudget += 1;
    this.progress.scannedBytes += data.length;
    this.progress.lastArrivedMs = raw.arrivedMs;
    const inside = open(data);
    if (!inside) return this.show(raw, raw.record.PartitionKey ?? "", data);
    for (const [at, user] of inside.entries()) await this.show(raw, user.partitionKey, user.data, at, user.explicitHashKey);
  }

  private async show(raw: Raw, partitionKey: string, data: Uint8Array, sub?: number, explicitHashKey?: string): Promise<void> {
    const { filter, reading } = this.settings;
    const decoded = isPacked(data) && reading !== "hex" ? await decode(data, reading) : readPlain(data, reading);
    const seen = { partitionKey, shardId: raw.shardId, sizeBytes: data.length, text: decoded.text, value: decoded.value };
    if (!isEmpty(filter) && !this.matches(seen)) return;
    this.progress.matched += 1;
    this.matchedOnPage += 1;
    this.shown.push({
      id: `${raw.shardId}/${raw.sequenceNumber}${sub === undefined ? "" : `/${sub}`}`,
      shardId: raw.shardId,
      sequenceNumber: raw.sequenceNumber,
      ...(sub !== undefined && { subSequenceNumber: sub }),
      partitionKey,
      ...(explicitHashKey !== undefined && { explicitHashKey }),
      arrivedMs: raw.arrivedMs,
      data,
      kinds: sub === undefined ? decoded.kinds : ["aggregated", ...decoded.kinds],
      preview: previewOf(decoded.text),
    });
    this.shownBytes += data.length;
  }

  private makeRoom(): void {
    const { shownMax, shownBytesMax } = this.settings;
    let gone = 0;
    while (this.shown.length - gone > 1 && (this.shown.length - gone > shownMax || this.shownBytes > shownBytesMax)) {
      this.shownBytes -= this.shown[gone]!.data.length;
      gone += 1;
    }
    if (gone === 0) return;
    this.shown = this.shown.slice(gone);
    this.progress.dropped += gone;
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.isStopped) this.wake();
    });
  }
}

/** The beginning of a text on one line, in letters of its own: a mere part of the text would keep all of it in memory. */
function previewOf(text: string): string {
  const line = text.slice(0, PREVIEW_LETTERS).replace(/\s+/g, " ");
  return text.length > PREVIEW_LETTERS ? line.split("").join("") : line;
}

function isClosed(shard: Shard): boolean {
  return shard.SequenceNumberRange?.EndingSequenceNumber !== undefined;
}
