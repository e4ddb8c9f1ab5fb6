import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand, GetItemCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ConsolePage, missing, openBrowser } from "./browser";
import { TestServer } from "./server";

describe.skipIf(missing())("tables", () => {
  let [browser, server]: [Browser, TestServer] = [] as never;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), TestServer.start("--durability", "os")]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  const itemOf = async (id: string) => (await server.dynamodb().send(new GetItemCommand({ TableName: "people", Key: { id: { S: id }, at: { N: "1" } } }))).Item;

  it("one is created, filled, queried and edited", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/tables");
    await page.sees("No tables");
    await page.press("Create a table");
    await page.fill("Name", "people");
    await page.fill("Partition key", "id");
    await page.fill(/^Sort key/, "at");
    await page.press(/^Type of the sort key/);
    await page.page.getByRole("option", { name: "Number" }).click();
    await page.pressInDialog("Create");
    await page.sees("people is there.");
    const { Table } = await server.dynamodb().send(new DescribeTableCommand({ TableName: "people" }));
    expect(Table?.AttributeDefinitions).toContainEqual({ AttributeName: "at", AttributeType: "N" });
    await page.press("Put an item…");
    const json = page.page.getByLabel("The item in the API's JSON");
    await json.fill('{"id": {"S": "ada"}, "at": {"N": 1}}');
    await page.sees("at: N holds text");
    await json.fill('{"id": {"S": "ada"}, "at": {"N": "1"}, "big": {"N": "12345678901234567890123456789012345678"}}');
    await page.pressInDialog("Write");
    await page.sees("The item is written.");
    expect(await itemOf("ada")).toMatchObject({ big: { N: "12345678901234567890123456789012345678" } });
    for (const at of [2, 3]) await server.dynamodb().send(new PutItemCommand({ TableName: "people", Item: { id: { S: "bob" }, at: { N: String(at) } } }));
    await page.fill("id is", "bob");
    await page.press("Query");
    await page.sees("(2)");
    await page.fill("id is", "nobody");
    await page.press("Query");
    await page.sees("The query finds none.");
    await page.close();
  });

  it("an item that somebody changed meanwhile is not written over", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/tables/people", {}, [/400/]);
    await page.press("Edit ada");
    await server.dynamodb().send(new UpdateItemCommand({ TableName: "people", Key: { id: { S: "ada" }, at: { N: "1" } }, UpdateExpression: "SET #by = :by", ExpressionAttributeNames: { "#by": "big" }, ExpressionAttributeValues: { ":by": { N: "7" } } }));
    await page.page.getByLabel("The item in the API's JSON").fill('{"id": {"S": "ada"}, "at": {"N": "1"}, "big": {"N": "8"}}');
    await page.pressInDialog("Write");
    await page.sees("somebody has changed the item meanwhile; nothing was written");
    expect(await itemOf("ada")).toMatchObject({ big: { N: "7" } });
    await page.close();
  });

  it("a table of 400 KB items is shown page by page, and one of them is edited", async () => {
    const dynamodb = server.dynamodb();
    await dynamodb.send(new CreateTableCommand({ TableName: "heavy", BillingMode: "PAY_PER_REQUEST", KeySchema: [{ AttributeName: "id", KeyType: "HASH" }], AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }] }));
    const ids = Array.from({ length: 12 }, (_, at) => `item-${at}`);
    // The largest item that DynamoDB takes: 400 KB with the names of its attributes.
    for (const id of ids) await dynamodb.send(new PutItemCommand({ TableName: "heavy", Item: { id: { S: id }, text: { S: "x".repeat(400 * 1024 - "id".length - id.length - "text".length) } } }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/tables/heavy");
    const items = page.page.getByRole("grid", { name: "Items" });
    const seen = new Set<string>();
    for (let turn = 1; ; turn += 1) {
      // An answer holds 1 MB: two or three of them, and where to go on.
      await page.sees(new RegExp(`\\(\\d+ on page ${turn}\\)`));
      for (const name of await items.getByRole("button", { name: /^Edit / }).allTextContents()) seen.add(name);
      const next = page.page.getByRole("button", { name: "Next page" });
      if (await next.isDisabled()) break;
      await next.click();
    }
    expect([...seen].sort()).toEqual([...ids].sort());
    await page.fill("id is", "item-7");
    await page.press("Query");
    await page.press("Edit item-7");
    const json = page.page.getByLabel("The item in the API's JSON");
    expect((await json.inputValue()).length).toBeGreaterThan(400_000);
    await json.fill('{"id": {"S": "item-7"}, "text": {"S": "light"}}');
    await page.pressInDialog("Write");
    await page.sees("The item is written.");
    expect((await dynamodb.send(new GetItemCommand({ TableName: "heavy", Key: { id: { S: "item-7" } } }))).Item?.text).toEqual({ S: "light" });
    await dynamodb.send(new DeleteTableCommand({ TableName: "heavy" }));
    await page.close();
  });

  it("hostile items are text", async () => {
    await server.dynamodb().send(new PutItemCommand({ TableName: "people", Item: { id: { S: "<img src=x onerror=alert(1)>" }, at: { N: "1" }, "a\u202eb": { S: "\u0000" } } }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/tables/people");
    await page.sees("<img src=x onerror=alert(1)>");
    await page.sees("a\\u202eb");
    expect(await page.page.locator("img[src=x]").count()).toBe(0);
    await page.press("Edit <img src=x onerror=alert(1)>");
    await page.page.getByLabel("The item in the API's JSON").waitFor();
    await page.pressInDialog("Write");
    await page.sees("The item is written.");
    // As it was: nothing of what is hard to see is lost on the way.
    const { Item } = await server.dynamodb().send(new GetItemCommand({ TableName: "people", Key: { id: { S: "<img src=x onerror=alert(1)>" }, at: { N: "1" } } }));
    expect(Item?.["a\u202eb"]).toEqual({ S: "\u0000" });
    await page.close();
  });

  it("its time to live is set, and it is deleted", async () => {
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/tables/people/settings");
    await page.press("Change items end");
    await page.page.getByRole("radio", { name: /At the time in an attribute/ }).check();
    await page.pressInDialog("Save");
    await page.sees("At the time in expiresAt");
    await page.go("#/us-east-1/tables");
    await page.page.getByRole("checkbox", { name: "Choose people" }).click();
    await page.press("Delete");
    await page.fill(/To confirm/, "people");
    await page.pressInDialog("Delete");
    await page.sees("people is deleted.");
    await page.sees("No tables");
    await page.close();
  });
});
