//! A server of its own for each file of tests.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { KinesisClient } from "@aws-sdk/client-kinesis";

/** The binary under test. */
export const BINARY = process.env.MILLSTREAM_BIN ?? "";
/** The application of the tutorial, built beside it. */
export const STOCK_TRADES = join(dirname(BINARY), "stock-trades");

const FIRST_LINE = /^millstream listening on (https?):\/\/([^ ]+)$/;
const STOP_MS = 20_000;

/** A running server, and how to talk to it. */
export class TestServer {
  private constructor(
    private process: ChildProcess,
    private readonly folder: string,
    private readonly args: string[],
    /** Where it listens. */
    readonly url: string,
  ) {}

  /** Starts a server with a data folder of its own and waits until it listens. */
  static async start(...args: string[]): Promise<TestServer> {
    const folder = mkdtempSync(join(tmpdir(), "console-"));
    const { process, url } = await serve(folder, "127.0.0.1:0", args);
    return new TestServer(process, folder, args, url);
  }

  /** A path in the server's folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Stops the process and keeps its data. */
  async stop(): Promise<void> {
    await end(this.process);
  }

  /** Starts again at the same address with the same data. */
  async startAgain(): Promise<void> {
    ({ process: this.process } = await serve(this.folder, new URL(this.url).host, this.args));
  }

  /** Asks the process to read its files again. */
  reload(): void {
    this.process.kill("SIGHUP");
  }

  /** Stops, and takes the data away. */
  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  kinesis(credentials = { accessKeyId: "test", secretAccessKey: "test" }): KinesisClient {
    return new KinesisClient({ region: "us-east-1", endpoint: this.url, credentials });
  }

  dynamodb(credentials = { accessKeyId: "test", secretAccessKey: "test" }): DynamoDBClient {
    return new DynamoDBClient({ region: "us-east-1", endpoint: this.url, credentials });
  }
}

async function serve(folder: string, listen: string, args: string[]): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(BINARY, ["serve", "--listen", listen, "--data-dir", join(folder, "data"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, RUST_LOG: "warn" },
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const match = FIRST_LINE.exec(line);
    if (!match) continue;
    // What comes after is not needed, but has to go somewhere.
    child.stdout.resume();
    return { process: child, url: `${match[1]}://${match[2]}` };
  }
  throw new Error(`the server did not start:\n${said}`);
}

/** Ends a process by SIGTERM, and by SIGKILL if that takes too long. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(timer);
}
