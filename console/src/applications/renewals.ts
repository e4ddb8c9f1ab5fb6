//! What changes in a lease table while the page is open: who renews, and who takes over from whom.

import type { Lease } from "./lease";

/** A lease that went from one worker to another. */
export interface HandOver {
  atMs: number;
  shardId: string;
  from?: string;
  to?: string;
}

/** Older hand-overs are forgotten. */
const HANDOVERS_MAX = 200;

interface Seen {
  counter: bigint;
  owner?: string | undefined;
  /** Since when the counter has been the same. */
  sinceMs: number;
  /** Whether it was seen to change at all. */
  hasChanged: boolean;
}

export class RenewalWatch {
  private readonly seen = new Map<string, Seen>();
  readonly handOvers: HandOver[] = [];

  /** The table as it is at a time. */
  observe(leases: readonly Lease[], nowMs: number): void {
    const keys = new Set(leases.map((lease) => lease.key));
    for (const key of this.seen.keys()) if (!keys.has(key)) this.seen.delete(key);
    for (const lease of leases) {
      const before = this.seen.get(lease.key);
      if (!before) {
        this.seen.set(lease.key, { counter: lease.counter, owner: lease.owner, sinceMs: nowMs, hasChanged: false });
        continue;
      }
      if (before.owner !== lease.owner) {
        this.handOvers.unshift({ atMs: nowMs, shardId: lease.shardId, ...(before.owner !== undefined && { from: before.owner }), ...(lease.owner !== undefined && { to: lease.owner }) });
        this.handOvers.splice(HANDOVERS_MAX);
      }
      const isNew = before.counter !== lease.counter;
      this.seen.set(lease.key, { counter: lease.counter, owner: lease.owner, sinceMs: isNew ? nowMs : before.sinceMs, hasChanged: before.hasChanged || isNew });
    }
  }

  /** For how long a lease has not been renewed, as far as this page has seen; 0 for one that is new to it. */
  unchangedMs(key: string, nowMs: number): number {
    const seen = this.seen.get(key);
    return seen ? nowMs - seen.sinceMs : 0;
  }

  /** When a renewal was seen last; undefined if none was. */
  renewedMs(key: string): number | undefined {
    const seen = this.seen.get(key);
    return seen?.hasChanged ? seen.sinceMs : undefined;
  }
}
