//! How far an application is behind.

/** What was found behind a checkpoint. */
export interface Look {
  /** Records found behind it, at most as many as were asked for. */
  found: number;
  /** Arrival of the first of them. */
  firstArrivedMs?: number;
  /** Whether there is more behind those. */
  isMore: boolean;
}

/** How far a shard's reader is behind. */
export interface Lag {
  /** Age of the oldest record that is not done; 0 if all are. */
  behindMs: number;
  records: number;
  /** Whether `records` is only the least. */
  isAtLeast: boolean;
}

/** What a look behind a checkpoint means. Clocks of browser and server differ a little: nothing is behind by less than 0. */
export function lagOf(look: Look, nowMs: number): Lag {
  const behindMs = look.firstArrivedMs === undefined ? 0 : Math.max(nowMs - look.firstArrivedMs, 0);
  return { behindMs, records: look.found, isAtLeast: look.isMore };
}

/** Of a whole application: as far as its last shard, as many records as all have. */
export function total(lags: readonly Lag[]): Lag {
  return lags.reduce<Lag>(
    (sum, lag) => ({
      behindMs: Math.max(sum.behindMs, lag.behindMs),
      records: sum.records + lag.records,
      isAtLeast: sum.isAtLeast || lag.isAtLeast,
    }),
    { behindMs: 0, records: 0, isAtLeast: false },
  );
}
