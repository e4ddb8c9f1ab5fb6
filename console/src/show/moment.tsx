//! A time as the reader prefers it; its title says it exactly.

import { usePreferences } from "../shell/preferences";
import { moment, momentExactly } from "./format";

export function Moment({ at, withMs }: { at: Date | undefined; withMs?: boolean }) {
  const { zone } = usePreferences();
  if (!at) return <span aria-label="no time">–</span>;
  return (
    <time dateTime={Number.isNaN(at.getTime()) ? "" : at.toISOString()} title={momentExactly(at)} className="nowrap">
      {moment(at, zone, withMs)}
    </time>
  );
}
