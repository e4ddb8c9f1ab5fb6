import { describe, expect, it } from "vitest";

import { quoted } from "./command";
import { bytes, counted, duration, hours, moment, rough } from "./format";

describe("what people read", () => {
  it.each([[0, "0"], [9999, "9,999"], [12_345, "12.3 k"], [1_234_567, "1.23 M"], [2.5e9, "2.5 G"], [0.1234, "0.123"]])("%d is %s", (number, text) => expect(rough(number)).toBe(text));
  it.each([[0, "0 B"], [999, "999 B"], [1000, "1,000 B"], [1023, "1,023 B"], [1024, "1 KiB"], [1_000 * 1024, "0.977 MiB"], [1536, "1.5 KiB"], [10 * 1024 ** 2, "10 MiB"]])("%d bytes are %s", (number, text) => expect(bytes(number)).toBe(text));
  it.each([[0, "0 ms"], [999, "999 ms"], [1500, "1.5 s"], [59_999, "59 s"], [90_000, "1 min 30 s"], [3_600_000, "1 h"], [90_000_000, "1 d 1 h"], [-1500, "−1.5 s"]])(
    "%d ms are %s",
    (ms, text) => expect(duration(ms)).toBe(text),
  );
  it.each([[24, "1 day"], [25, "25 hours"], [48, "2 days"], [8760, "365 days"]])("%d hours are %s", (number, text) => expect(hours(number)).toBe(text));
  it("counts one and many", () => {
    expect(counted(1, "shard")).toBe("1 shard");
    expect(counted(2000, "match", "matches")).toBe("2,000 matches");
  });
  it("says a time in UTC, and that there is none", () => {
    expect(moment(new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)), "utc", true)).toBe("2026-01-02 03:04:05.006 UTC");
    expect(moment(new Date(NaN), "utc")).toBe("no time");
  });
});

describe("arguments of a shell", () => {
  it.each([
    ["plain-1.2/x", "plain-1.2/x"],
    ["two words", "'two words'"],
    ["it's $HOME", `'it'\\''s $HOME'`],
    ["", "''"],
  ])("%j is written %s", (text, written) => expect(quoted(text)).toBe(written));
});
