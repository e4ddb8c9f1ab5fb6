//! A number that is shown rounded and is exact in its title.

import { bytes, count, rough } from "./format";

export function Amount({ of, unit }: { of: number | undefined; unit?: "bytes" | "bytes/s" | "/s" }) {
  if (of === undefined || Number.isNaN(of)) return <span aria-label="not known">–</span>;
  const isBytes = unit === "bytes" || unit === "bytes/s";
  const perSecond = unit === "bytes/s" || unit === "/s" ? "/s" : "";
  const exact = `${Number.isInteger(of) ? count(of) : String(of)}${isBytes ? " bytes" : ""}${perSecond}`;
  return (
    <span title={exact} className="nowrap">
      {isBytes ? bytes(of) : rough(of)}
      {perSecond}
    </span>
  );
}
