//! The list of records: only the rows that are seen are there, so that thousands cost no more than a screen.

import { type KeyboardEvent, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import { usePreferences } from "../shell/preferences";
import { bytes, count, moment, momentExactly } from "../show/format";
import { useNarrow } from "../show/narrow";
import { visible } from "./bytes";
import type { ShownRecord } from "./reader";

const ROW_PX = 30;
const NARROW_ROW_PX = 54;
/** Rows above and below what is seen. */
const SPARE = 8;

export function RecordList(props: {
  records: readonly ShownRecord[];
  /** How many have gone at the top since the beginning: what is looked at stays where it is. */
  dropped: number;
  chosen: string | undefined;
  choose: (record: ShownRecord | undefined) => void;
  /** Whether the newest are kept in sight while the list is at its end. */
  follows: boolean;
  /** Whether the list begins there. */
  startsAtEnd: boolean;
}) {
  const { records, dropped, chosen, choose, follows, startsAtEnd } = props;
  const { zone } = usePreferences();
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [isAtEnd, setAtEnd] = useState(startsAtEnd);
  const isNarrow = useNarrow();
  const rowPx = isNarrow ? NARROW_ROW_PX : ROW_PX;

  const measure = useCallback(() => {
    const element = box.current;
    if (!element) return;
    setView({ top: element.scrollTop, height: element.clientHeight });
  }, []);
  const onScroll = () => {
    measure();
    const element = box.current!;
    setAtEnd(element.scrollTop + element.clientHeight >= element.scrollHeight - rowPx);
  };
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, [measure]);

  const before = useRef({ dropped, length: records.length });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (follows && isAtEnd) element.scrollTop = element.scrollHeight;
    else if (dropped > before.current.dropped) element.scrollTop -= (dropped - before.current.dropped) * rowPx;
    before.current = { dropped, length: records.length };
  }, [records, dropped, follows, isAtEnd, rowPx]);

  const at = records.findIndex((record) => record.id === chosen);
  const move = (to: number) => {
    const index = Math.min(Math.max(to, 0), records.length - 1);
    const record = records[index];
    const element = box.current;
    if (!record || !element) return;
    choose(record);
    const top = index * rowPx;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowPx > element.scrollTop + element.clientHeight) element.scrollTop = top + rowPx - element.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(view.height / rowPx) - 1);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: records.length - 1 };
    if (event.key === "Escape") choose(undefined);
    else if (event.key in steps) move(steps[event.key]!);
    else return;
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(view.top / rowPx) - SPARE);
  const last = Math.min(records.length, Math.ceil((view.top + view.height) / rowPx) + SPARE);
  const seen = records.slice(first, last);
  return (
    <div className="records-frame">
      <div
        ref={box}
        className="records"
        role="grid"
        aria-label="Records"
        aria-rowcount={records.length + 1}
        aria-colcount={6}
        tabIndex={0}
        aria-activedescendant={at >= first && at < last ? `record-${at}` : undefined}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <div role="row" aria-rowindex={1} className="record-row record-head">
          {["Arrived", "Shard", "Partition key", "Kind", "Size", "Data"].map((name) => (
            <span role="columnheader" key={name}>
              {name}
            </span>
          ))}
        </div>
        <div role="rowgroup" className="record-space" style={{ height: records.length * rowPx }}>
          {seen.map((record, index) => {
            const row = first + index;
            const isChosen = record.id === chosen;
            const arrived = new Date(record.arrivedMs);
            return (
              <div
                key={record.id}
                id={`record-${row}`}
                role="row"
                aria-rowindex={row + 2}
                aria-selected={isChosen}
                className={`record-row${isChosen ? " is-chosen" : ""}`}
                style={{ height: rowPx, transform: `translateY(${row * rowPx}px)` }}
                onClick={() => choose(record)}
              >
                <span role="gridcell" title={momentExactly(arrived)}>
                  {moment(arrived, zone, true)}
                </span>
                <span role="gridcell" title={record.shardId}>
                  {shortShard(record.shardId)}
                </span>
                <span role="gridcell">{visible(record.partitionKey)}</span>
                <span role="gridcell">{record.kinds.join(" · ")}</span>
                <span role="gridcell" title={`${count(record.data.length)} bytes`}>
                  {bytes(record.data.length)}
                </span>
                <span role="gridcell" className="record-data">
                  {record.preview}
                </span>
              </div>
            );
          })}
        </div>
      </div>
      {follows && !isAtEnd && (
        <button type="button" className="to-newest" onClick={() => box.current?.scrollTo({ top: box.current.scrollHeight })}>
          ↓ Newest
        </button>
      )}
    </div>
  );
}

/** `shardId-000000000012` → `12`. */
export function shortShard(shardId: string): string {
  return /^shardId-\d+$/.test(shardId) ? String(Number(shardId.slice(8))) : shardId;
}
