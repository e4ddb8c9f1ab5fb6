//! All applications in lines: their streams, workers, and how far they are behind.

import type { Access } from "../api/access";
import { kinesisOf } from "../api/kinesis";
import { type Lag, lagOf, total } from "./lag";
import { SHARD_END } from "./lease";
import { type Application, applicationNames, candidates, inParallel, loadApplication, streamOf } from "./load_application";
import { lookBehind } from "./read_behind";

/** Of an application with more leases a line does not look at each. */
const LOOKED_MAX = 64;

/** An application in a line. */
export interface Line extends Application {
  stream?: string;
  workers: string[];
  /** Undefined where it cannot be told. */
  lag?: Lag;
}

/** All applications, by their names; and whether there are tables that were not looked into. */
export async function loadLines(access: Access, signal: AbortSignal): Promise<{ lines: Line[]; isMore: boolean }> {
  const { names, tables, isMore } = await applicationNames(access, signal);
  const streams = names.length > 0 ? await candidates(access, signal) : [];
  const lines: Line[] = [];
  await inParallel(names, async (name) => {
    const application = await loadApplication(access, name, tables, signal);
    const { stream } = streamOf(application, streams);
    const open = application.leases.filter((lease) => lease.checkpoint !== SHARD_END);
    const lags: Lag[] = [];
    if (stream !== undefined && open.length <= LOOKED_MAX) {
      for (const lease of open) {
        const look = await lookBehind(kinesisOf(access), stream, lease, signal).catch(() => undefined);
        if (look) lags.push(lagOf(look, Date.now()));
      }
    }
    lines.push({
      ...application,
      ...(stream !== undefined && { stream }),
      ...(lags.length > 0 && { lag: total(lags) }),
      workers: [...new Set(application.leases.flatMap((lease) => lease.owner ?? []))],
    });
  });
  return { isMore, lines: lines.sort((one, other) => one.name.localeCompare(other.name)) };
}
