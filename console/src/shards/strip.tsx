//! The hash space from left to right, with the shards that lie on it.

import { bytes, rough } from "../show/format";
import { shortShard } from "../records/record_list";
import { type MapShard, sharePercent, spanOf } from "./geometry";
import type { Heat } from "./measure";

/** Narrower parts have no room for a name. */
const NAMED_WIDTH = 0.035;

export function Strip(props: {
  shards: readonly MapShard[];
  label: string;
  heats?: ReadonlyMap<string, Heat> | undefined;
  chosen?: readonly string[];
  choose?: (shard: MapShard) => void;
  /** Hash keys that are marked, such as where a split would be. */
  marks?: readonly bigint[];
  isThin?: boolean;
}) {
  const { shards, label, heats, chosen = [], choose, marks = [], isThin = false } = props;
  const hottest = Math.max(1, ...[...(heats?.values() ?? [])].map((heat) => heat.bytesPerS));
  return (
    <div className={`strip${isThin ? " is-thin" : ""}${marks.length > 0 ? " is-marked" : ""}`} role={choose ? "group" : "img"} aria-label={label}>
      {shards.map((shard) => {
        const { from, width } = spanOf(shard);
        const heat = heats?.get(shard.id);
        const text = title(shard, heat);
        const style = { insetInlineStart: `${from * 100}%`, width: `${width * 100}%` };
        const classes = `part${shard.isOpen ? "" : " is-closed"}${chosen.includes(shard.id) ? " is-chosen" : ""}`;
        const inside = (
          <>
            {heat && <span className="heat" style={{ height: `${Math.max(4, (100 * heat.bytesPerS) / hottest)}%` }} />}
            {width >= NAMED_WIDTH && <span className="name">{shortShard(shard.id)}</span>}
          </>
        );
        return choose ? (
          <button key={shard.id} type="button" className={classes} style={style} title={text} aria-label={`${shortShard(shard.id)}: ${text}`} aria-pressed={chosen.includes(shard.id)} onClick={() => choose(shard)}>
            {inside}
          </button>
        ) : (
          <span key={shard.id} className={classes} style={style} title={text}>
            {inside}
          </span>
        );
      })}
      {marks.map((mark) => (
        <span key={String(mark)} className="mark" style={{ insetInlineStart: `${spanOf({ start: mark, end: mark }).from * 100}%` }} title={`hash key ${mark}`} />
      ))}
    </div>
  );
}

function title(shard: MapShard, heat: Heat | undefined): string {
  const share = `${shard.id}, ${shard.isOpen ? "open" : "closed"}, ${rough(sharePercent(shard))} % of the hash space`;
  return heat ? `${share}, ${rough(heat.recordsPerS)} records/s, ${bytes(heat.bytesPerS)}/s` : share;
}
