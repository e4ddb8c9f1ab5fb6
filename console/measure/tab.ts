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
  await act();
  const lastedMs = performance.now() - began;
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString("utf8")) as { traceEvents: TraceEvent[] };
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

/** What a tab holds. */
export interface Memory {
  /** Private pages of the browser's processes for pages, as the system counts them. */
  privateBytes: number;
}

/** What is alive in a tab, once all garbage is gone. */
export interface Alive {
  heapBytes: number;
  /** Memory of arrays of bytes, which lies beside the heap. */
  bufferBytes: number;
  nodes: number;
  listeners: number;
}

/** Looks at the memory of one tab. */
export class TabMemory {
  private constructor(
    private readonly ofPage: CDPSession,
    private readonly ofBrowser: CDPSession,
  ) {}

  static async of(browser: Browser, page: Page): Promise<TabMemory> {
    const ofPage = await page.context().newCDPSession(page);
    await ofPage.send("Performance.enable");
    return new TabMemory(ofPage, await browser.newBrowserCDPSession());
  }

  async now(): Promise<Memory> {
    const { processInfo } = (await this.ofBrowser.send("SystemInfo.getProcessInfo")) as { processInfo: { type: string; id: number }[] };
    const privateBytes = processInfo.filter((one) => one.type === "renderer").reduce((sum, one) => sum + privateBytesOf(one.id), 0);
    return { privateBytes };
  }

  async alive(): Promise<Alive> {
    await this.ofPage.send("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize = 0 } = (await this.ofPage.send("Runtime.getHeapUsage")) as { usedSize: number; backingStorageSize?: number };
    const { nodes, jsEventListeners } = await this.ofPage.send("Memory.getDOMCounters");
    return { heapBytes: usedSize, bufferBytes: backingStorageSize, nodes, listeners: jsEventListeners };
  }
}

function privateBytesOf(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm);
  return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
}

export function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
