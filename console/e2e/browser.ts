//! The browser: Debian's Chromium, and a page that is watched for everything that must not happen.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why the tests cannot run; undefined if they can. */
export function missing(): string | undefined {
  if (!existsSync(CHROMIUM)) return `${CHROMIUM} is not there (apt-get install chromium)`;
  if (!process.env.MILLSTREAM_BIN) return "MILLSTREAM_BIN does not name a server";
  return undefined;
}

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--enable-precise-memory-info",
    ],
  });
}

/** A page of the console. */
export class ConsolePage {
  private readonly wrong: string[] = [];

  private constructor(
    readonly page: Page,
    readonly url: string,
    /** Complaints of the browser's that the test brings about itself. */
    private readonly expected: RegExp[],
  ) {}

  static async open(browser: Browser, url: string, hash = "", options: BrowserContextOptions = {}, expected: RegExp[] = []): Promise<ConsolePage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "UTC", locale: "en-US", acceptDownloads: true, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(90_000);
    const opened = new ConsolePage(page, url, expected);
    opened.watch();
    await page.goto(`${url}/${hash}`);
    return opened;
  }

  private watch(): void {
    this.page.on("pageerror", (error) => this.wrong.push(`error in the page: ${error.message}`));
    this.page.on("console", (message) => {
      if (message.type() === "error") this.wrong.push(`console: ${message.text()}`);
    });
    this.page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.url && protocol !== "data:" && protocol !== "blob:") this.wrong.push(`a request to ${origin}`);
    });
    this.page.on("dialog", (dialog) => {
      this.wrong.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Goes to another page of the console. */
  async go(hash: string): Promise<void> {
    await this.page.goto(`${this.url}/${hash}`);
  }

  /** Waits until a text is there. */
  async sees(text: string | RegExp, timeout?: number): Promise<void> {
    await this.page.getByText(text).first().waitFor({ state: "visible", ...(timeout !== undefined && { timeout }) });
  }

  /** Presses the button with this name. */
  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole("button", { name, exact: typeof name === "string" }).first().click();
  }

  /** Presses a button of the dialog. */
  async pressInDialog(name: string): Promise<void> {
    await this.page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
  }

  async fill(label: string | RegExp, text: string): Promise<void> {
    await this.page.getByLabel(label, { exact: typeof label === "string" }).first().fill(text);
  }

  /** Nothing happened that must not; then the page is closed. */
  async close(): Promise<void> {
    const wrong = this.wrong.filter((one) => !this.expected.some((pattern) => pattern.test(one)));
    if ((await this.page.getByRole("main").innerText()).trim() === "") wrong.push("the page is blank");
    await this.page.context().close();
    expect(wrong).toEqual([]);
  }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds that is serious or critical: rule, and where. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    interface Result {
      violations: { id: string; impact?: string; nodes: { target: unknown[]; html: string }[] }[];
    }
    const { axe } = globalThis as unknown as { axe: { run: (options: object) => Promise<Result> } };
    const { violations } = await axe.run({ resultTypes: ["violations"] });
    return violations
      .filter((one) => one.impact === "serious" || one.impact === "critical")
      .map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.html.slice(0, 160)}`).slice(0, 3).join(" | ")}`);
  });
}
