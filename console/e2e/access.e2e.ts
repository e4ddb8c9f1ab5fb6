import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConsolePage, missing, openBrowser } from "./browser";
import { READER, SECRET, type ServerWithKeys, serverWithKeys } from "./keys";
import { TestServer } from "./server";

/** Calls that are refused on purpose: signing in with nothing, and asking what the key may do. */
const REFUSED = [/400|403/];

describe.skipIf(missing())("access keys", () => {
  let [browser, keys]: [Browser, ServerWithKeys] = [] as never;
  beforeAll(async () => {
    [browser, keys] = await Promise.all([openBrowser(), serverWithKeys()]);
  });
  afterAll(async () => {
    await browser?.close();
    await keys?.close();
  });
  const signIn = async (page: ConsolePage, id: string, secret = SECRET) => {
    await page.fill("Access key", id);
    await page.fill("Secret", secret);
    await page.page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  };

  it("are asked for, checked, and kept in the tab's memory alone", async () => {
    const page = await ConsolePage.open(browser, keys.server.url, "#/us-east-1/streams", {}, REFUSED);
    await page.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await signIn(page, "OWNER", "not-the-secret-of-this-key");
    await page.sees(/signature/i);
    await signIn(page, "OWNER");
    await page.sees("orders");
    const kept = await page.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    expect(kept).not.toContain(SECRET);
    await page.page.reload();
    await page.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.close();
  });

  it("that may only read see no button that they cannot use, and hear which permission is missing", async () => {
    const page = await ConsolePage.open(browser, keys.server.url, "#/us-east-1/streams", {}, REFUSED);
    await signIn(page, "READER");
    await page.sees("orders");
    await page.page.waitForLoadState("networkidle");
    expect(await page.page.getByRole("button", { name: "Delete", exact: true }).count()).toBe(0);
    expect(await page.page.getByText("Create a stream").count()).toBe(0);
    await page.go("#/us-east-1/streams/orders/records?from=oldest");
    await page.sees("hello");
    expect(await page.page.getByRole("button", { name: "Put a record" }).count()).toBe(0);
    await page.go("#/us-east-1/streams/orders/settings");
    await page.sees("Retention");
    expect(await page.page.getByRole("button", { name: /^Change/ }).count()).toBe(0);
    await page.go("#/us-east-1/tables");
    await page.sees("dynamodb:ListTables");
    await page.sees("It is not known which there are");
    expect(await page.page.getByRole("button", { name: "Create a table" }).count()).toBe(0);
    await page.sees(/ on (\*|arn:aws:dynamodb:us-east-1:123456789012:\S+)/);
    // What has no button is refused by the server all the same.
    const put = keys.server.kinesis(READER).send(new PutRecordCommand({ StreamName: "orders", PartitionKey: "k", Data: new Uint8Array([1]) }));
    await expect(put).rejects.toThrow("kinesis:PutRecord");
    await page.close();
  });

  it("that may look at tables see items and leases, and nothing that would change them", async () => {
    const page = await ConsolePage.open(browser, keys.server.url, "#/us-east-1/tables", {}, REFUSED);
    await signIn(page, "AUDITOR");
    await page.sees("counter");
    const buttons = async (...names: string[]) => (await Promise.all(names.map((name) => page.page.getByRole("button", { name, exact: true }).count()))).reduce((sum, count) => sum + count, 0);
    expect(await buttons("Create a table", "Delete")).toBe(0);
    await page.go("#/us-east-1/tables/counter");
    await page.press("Show shardId-000000000000");
    await page.page.getByLabel("The item in the API's JSON").waitFor();
    expect(await buttons("Write")).toBe(0);
    await page.pressInDialog("Close");
    expect(await buttons("Put an item…", "Delete")).toBe(0);
    await page.go("#/us-east-1/tables/counter/settings");
    await page.sees("Never by themselves");
    expect(await page.page.getByRole("button", { name: /^Change/ }).count()).toBe(0);
    await page.go("#/us-east-1/applications/counter");
    await page.page.getByRole("grid", { name: "Leases" }).getByText("worker-a").waitFor();
    expect(await buttons("Move checkpoints…")).toBe(0);
    await page.close();
  });

  it("that are revoked under the page lead back to the sign-in", async () => {
    const page = await ConsolePage.open(browser, keys.server.url, "#/us-east-1/streams/orders/records?from=oldest", {}, REFUSED);
    await signIn(page, "GUEST");
    await page.sees("hello");
    keys.revokeGuest();
    await page.sees("You were signed out");
    await signIn(page, "OWNER");
    await page.sees("hello");
    await page.close();
  });
});

describe.skipIf(missing())("over TLS", () => {
  it("the console is the same", async () => {
    const [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os", "--tls-self-signed")]);
    const page = await ConsolePage.open(browser, server.url, "", { ignoreHTTPSErrors: true });
    await page.press("Make a stream with 50 records");
    await page.sees("50 records read");
    await page.close();
    await browser.close();
    await server.close();
  });
});
