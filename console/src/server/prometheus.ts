//! Numbers for Prometheus, as the server's page has them: text, one number a line.

/** One number. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads a page; lines that are no numbers are passed over, as comments are. */
export function parsePrometheus(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const match = LINE.exec(line);
    if (!match) return [];
    const labels: Record<string, string> = {};
    for (const [, name, value] of (match[2] ?? "").matchAll(LABEL)) labels[name!] = value!.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
    const value = match[3] === "+Inf" ? Infinity : Number(match[3]);
    return Number.isNaN(value) ? [] : [{ name: match[1]!, labels, value }];
  });
}

/** A page at a time. */
export interface Snapshot {
  atMs: number;
  samples: Sample[];
}

/** The sum of the numbers of a name with these labels; 0 if there are none. */
export function sumOf(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples.filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value)).reduce((sum, one) => sum + one.value, 0);
}

/** How much a total grew in a second between two pages; 0 where the server was started again in between. */
export function rateOf(before: Snapshot, after: Snapshot, name: string, labels: Record<string, string> = {}): number {
  const seconds = (after.atMs - before.atMs) / 1000;
  const grown = sumOf(after.samples, name, labels) - sumOf(before.samples, name, labels);
  return seconds > 0 && grown > 0 ? grown / seconds : 0;
}

/** The mean of what a histogram saw between two pages, in seconds; undefined if it saw nothing. */
export function meanS(before: Snapshot, after: Snapshot, name: string, labels: Record<string, string> = {}): number | undefined {
  const count = sumOf(after.samples, `${name}_count`, labels) - sumOf(before.samples, `${name}_count`, labels);
  const sum = sumOf(after.samples, `${name}_sum`, labels) - sumOf(before.samples, `${name}_sum`, labels);
  return count > 0 && sum >= 0 ? sum / count : undefined;
}

/** The bound under which a share of what a histogram saw between two pages lies, in seconds; undefined if it saw nothing. */
export function quantileS(before: Snapshot, after: Snapshot, name: string, share: number): number | undefined {
  const bounds = after.samples
    .filter((one) => one.name === `${name}_bucket`)
    .map((one) => {
      const le = one.labels.le ?? "+Inf";
      return { bound: le === "+Inf" ? Infinity : Number(le), count: one.value - sumOf(before.samples, `${name}_bucket`, { le }) };
    })
    .sort((one, other) => one.bound - other.bound);
  const all = bounds.at(-1)?.count ?? 0;
  if (all <= 0) return undefined;
  return bounds.find((one) => one.count >= share * all)?.bound;
}
