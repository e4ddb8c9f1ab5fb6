//! Records of many shards in the order in which they arrived.

/** What the order needs to know. */
export interface Arrived {
  shardId: string;
  sequenceNumber: string;
  arrivedMs: number;
}

interface Lane<R> {
  queue: R[];
  /** The shard has nothing more for now: it holds nobody up. */
  isAtTip: boolean;
}

/** Merges shards: a record comes out once no shard can still give an earlier one, as far as is known. */
export class Merge<R extends Arrived> {
  private readonly lanes = new Map<string, Lane<R>>();

  /** A shard joins; until it gives records or says that it has none, it holds up the others. */
  add(shardId: string): void {
    this.lanes.set(shardId, { queue: [], isAtTip: false });
  }

  /** Records of a shard, in its order. `isAtTip`: there was nothing behind them. */
  push(shardId: string, records: readonly R[], isAtTip: boolean): void {
    const lane = this.lanes.get(shardId);
    if (!lane) throw new Error(`${shardId} was not added`);
    for (const record of records) lane.queue.push(record);
    lane.isAtTip = isAtTip;
  }

  /** A shard has ended: it holds nobody up any more, and goes once its records are out. */
  end(shardId: string): void {
    const lane = this.lanes.get(shardId);
    if (lane) lane.isAtTip = true;
  }

  /** How many records of a shard wait. */
  waiting(shardId: string): number {
    return this.lanes.get(shardId)?.queue.length ?? 0;
  }

  /** Whether any record waits. */
  get isEmpty(): boolean {
    for (const lane of this.lanes.values()) if (lane.queue.length > 0) return false;
    return true;
  }

  /** Takes out at most so many records that are next. */
  take(countMax: number): R[] {
    const taken: R[] = [];
    for (const lane of this.lanes.values()) if (!lane.isAtTip && lane.queue.length === 0) return taken;
    const heads = [...this.lanes.values()].filter((lane) => lane.queue.length > 0).map((lane) => ({ lane, next: 0 }));
    const heap = new Heap<{ lane: Lane<R>; next: number }>((left, right) => {
      const [one, other] = [left.lane.queue[left.next]!, right.lane.queue[right.next]!];
      return one.arrivedMs - other.arrivedMs || compareNumbers(one.sequenceNumber, other.sequenceNumber);
    });
    for (const head of heads) heap.push(head);
    while (taken.length < countMax) {
      const head = heap.pop();
      if (!head) break;
      taken.push(head.lane.queue[head.next]!);
      head.next += 1;
      if (head.next < head.lane.queue.length) heap.push(head);
      // Its next record may be earlier than those of the others.
      else if (!head.lane.isAtTip) break;
    }
    for (const { lane, next } of heads) if (next > 0) lane.queue.splice(0, next);
    return taken;
  }
}

/** Sequence numbers are decimal and do not fit into a number: the longer is the larger. */
export function compareNumbers(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

class Heap<T> {
  private readonly items: T[] = [];

  constructor(private readonly compare: (left: T, right: T) => number) {}

  push(item: T): void {
    const { items } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.compare(items[parent]!, item) <= 0) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.compare(items[child + 1]!, items[child]!) < 0) child += 1;
      if (this.compare(last, items[child]!) <= 0) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return first;
  }
}
