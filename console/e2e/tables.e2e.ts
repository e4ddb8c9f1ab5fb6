import { DescribeTableCommand, GetItemCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
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

  it("items of 400 KB and hostile ones are text", async () => {
    await server.dynamodb().send(new PutItemCommand({ TableName: "people", Item: { id: { S: "large" }, at: { N: "1" }, text: { S: "x".repeat(390_000) } } }));
    await server.dynamodb().send(new PutItemCommand({ TableName: "people", Item: { id: { S: "<img src=x onerror=alert(1)>" }, at: { N: "1" }, "a\u202eb": { S: "\u0000" } } }));
    const page = await ConsolePage.open(browser, server.url, "#/us-east-1/tables/people");
    await page.sees("<img src=x onerror=alert(1)>");
    await page.press("Edit large");
    await page.page.getByLabel("The item in the API's JSON").waitFor();
    await page.pressInDialog("Write");
    await page.sees("The item is written.");
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
