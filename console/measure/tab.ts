//! What a tab costs: how long its tasks take, and what memory it holds.

import { readFileSync } from "node:fs";

import type { Browser, CDPSession, Page } from "playwright-core";

/** A task of the page's main thread, in milliseconds. */
export interface Task {
  /** From its beginning to its end, with what other programs did in between. */
  wallMs: number;
  /** Of its own. */
  cpuMs: number;
}

/** What the page's main thread did over a time. */
export interface Tasks {
  count: number;
  /** The longest by either measure. */
  longest: Task;
  /** Those of which a reader would notice something. */
  above200Ms: { wall: number; cpu: number };
  /** Of the thread's time, in percent. */
  busyPercent: number;
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** The tasks of all main threads of pages while something is done. */
export async function tasksWhile(browser: Browser, page: Page, act: () => Promise<void>): Promise<Tasks> {
  await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline"] });
  const began = performance.now();
  let trace: Buffer;
  try {
    await act();
  } finally {
    trace = await browser.stopTracing();
  }
  const lastedMs = performance.now() - began;
  const { traceEvents } = JSON.parse(trace.toString("utf8")) as { traceEvents: TraceEvent[] };
  const threads = new Set(traceEvents.filter((one) => one.ph === "M" && one.name === "thread_name" && one.args?.name === "CrRendererMain").map((one) => `${one.pid} ${one.tid}`));
  const tasks = traceEvents
    .filter((one) => one.name === "RunTask" && one.dur !== undefined && threads.has(`${one.pid} ${one.tid}`))
    .map((one) => ({ wallMs: one.dur! / 1000, cpuMs: (one.tdur ?? one.dur!) / 1000 }));
  const longest = { wallMs: Math.max(0, ...tasks.map((task) => task.wallMs)), cpuMs: Math.max(0, ...tasks.map((task) => task.cpuMs)) };
  return {
    count: tasks.length,
    longest,
    above200Ms: { wall: tasks.filter((task) => task.wallMs > 200).length, cpu: tasks.filter((task) => task.cpuMs > 200).length },
    busyPercent: (100 * tasks.reduce((sum, task) => sum + task.cpuMs, 0)) / lastedMs,
  };
}

/** `longest task 34 ms (28 ms of CPU)…` */
export function tasksText({ longest, above200Ms, busyPercent }: Tasks): string {
  return `longest task ${longest.wallMs.toFixed(0)} ms, of CPU ${longest.cpuMs.toFixed(0)} ms; above 200 ms ${above200Ms.wall}, of CPU ${above200Ms.cpu}; busy ${busyPercent.toFixed(0)} %`;
}

/** What is alive in a tab, once all garbage is gone. */
export interface Alive {
  heapBytes: number;
  /** Memory of arrays of bytes, which lies beside the heap. */
  bufferBytes: number;
  nodes: number;
  listeners: number;
}

/**
 * A tab that nobody watches but for these questions. Playwright records the network of the pages that it opens, answers
 * and all, in the memory of the page's process: some hundred megabytes that no reader's tab has.
 */
export class PlainTab {
  private asked = 0;
  private readonly waiting = new Map<number, (answer: unknown) => void>();

  private constructor(
    private readonly browser: CDPSession,
    private readonly sessionId: string,
  ) {
    browser.on("Target.receivedMessageFromTarget", ({ message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result?: unknown };
      this.waiting.get(id ?? -1)?.(result);
      this.waiting.delete(id ?? -1);
    });
  }

  static async open(browser: Browser, url: string): Promise<PlainTab> {
    const session = await browser.newBrowserCDPSession();
    const { targetId } = await session.send("Target.createTarget", { url });
    const { sessionId } = await session.send("Target.attachToTarget", { targetId, flatten: false });
    return new PlainTab(session, sessionId);
  }

  /** The text of what a selector finds; nothing if it finds nothing. */
  async text(selector: string): Promise<string> {
    const expression = `document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`;
    // There is no answer while the page is being loaded.
    const answer = await this.ask<{ result: { value?: string } } | undefined>("Runtime.evaluate", { expression });
    return answer?.result.value ?? "";
  }

  /** Private pages of the browser's processes for pages, as the system counts them. */
  async privateBytes(): Promise<number> {
    const { processInfo } = (await this.browser.send("SystemInfo.getProcessInfo")) as { processInfo: { type: string; id: number }[] };
    return processInfo.filter((one) => one.type === "renderer").reduce((sum, one) => sum + privateBytesOf(one.id), 0);
  }

  async alive(): Promise<Alive> {
    await this.ask("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize } = await this.ask<{ usedSize: number; backingStorageSize: number }>("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await this.ask<{ nodes: number; jsEventListeners: number }>("Memory.getDOMCounters");
    return { heapBytes: usedSize, bufferBytes: backingStorageSize, nodes, listeners: jsEventListeners };
  }

  private ask<T>(method: string, params: object = {}): Promise<T> {
    this.asked += 1;
    const id = this.asked;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, (answer) => resolve(answer as T));
      this.browser.send("Target.sendMessageToTarget", { sessionId: this.sessionId, message: JSON.stringify({ id, method, params }) }).catch(reject);
    });
  }
}

function privateBytesOf(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm);
  return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
}

export function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
