//! Numbers and times as people read them. The exact value is for the title beside each.

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const ROUGH = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** `1234567` → `1,234,567`. */
export function count(number: number | bigint): string {
  return WHOLE.format(number);
}

/** `1234567` → `1.23 M`; below ten thousand, exact. */
export function rough(number: number): string {
  if (Math.abs(number) < 10_000) return Number.isInteger(number) ? WHOLE.format(number) : ROUGH.format(number);
  for (const [factor, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (Math.abs(number) >= factor) return `${ROUGH.format(number / factor)} ${letter}`;
  }
  return ROUGH.format(number);
}

/** `1536` → `1.5 KiB`. */
export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  let value = size;
  // Bytes as they are counted; of what is larger three digits are enough.
  while (Math.abs(value) >= (at === 0 ? 1024 : 1000) && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 ? WHOLE.format(value) : ROUGH.format(value)} ${units[at]}`;
}

/** `90_000` → `1 min 30 s`. */
export function duration(ms: number): string {
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return s < 10 && ms % 1000 >= 100 ? `${(Math.floor(ms / 100) / 10).toFixed(1)} s` : `${s} s`;
  const pairs = [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ] as const;
  for (const [large, name, small, smallName] of pairs) {
    if (s < large) continue;
    const rest = Math.floor((s % large) / small);
    return `${count(Math.floor(s / large))} ${name}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
  }
  return `${s} s`;
}

/** Retention as AWS's console says it. */
export function hours(number: number): string {
  if (number % 24 === 0 && number > 24) return `${count(number / 24)} days`;
  return number === 24 ? "1 day" : `${count(number)} hours`;
}

/** Where times are shown. */
export type Zone = "local" | "utc";

/** A time to the second, or to the millisecond. */
export function moment(date: Date, zone: Zone, withMs = false): string {
  if (Number.isNaN(date.getTime())) return "no time";
  const part = (number: number, width = 2) => String(number).padStart(width, "0");
  const is = zone === "utc";
  const day = [
    part(is ? date.getUTCFullYear() : date.getFullYear(), 4),
    part((is ? date.getUTCMonth() : date.getMonth()) + 1),
    part(is ? date.getUTCDate() : date.getDate()),
  ].join("-");
  const time = [
    part(is ? date.getUTCHours() : date.getHours()),
    part(is ? date.getUTCMinutes() : date.getMinutes()),
    part(is ? date.getUTCSeconds() : date.getSeconds()),
  ].join(":");
  const ms = withMs ? `.${part(is ? date.getUTCMilliseconds() : date.getMilliseconds(), 3)}` : "";
  return `${day} ${time}${ms}${is ? " UTC" : ""}`;
}

/** What the time is in both zones: the title of a time. */
export function momentExactly(date: Date): string {
  return `${moment(date, "utc", true)} · here ${moment(date, "local", true)} · ${date.getTime()} ms`;
}

/** `one shard`, `2 shards`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return number === 1 ? `1 ${one}` : `${count(number)} ${many}`;
}

/** `just now`, `12 s ago`. */
export function ago(ms: number): string {
  return ms < 1000 ? "just now" : `${duration(ms)} ago`;
}
