//! Writing an item: a new one only if there is none, an old one only if nobody has changed it.

import { type AttributeValue, PutItemCommand, type PutItemCommandInput } from "@aws-sdk/client-dynamodb";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";

import { dynamodbOf } from "../api/dynamodb";
import { useAction } from "../api/load";
import { useAccess } from "../api/session";
import type { Row } from "../applications/lease";
import { ProblemBox } from "../show/problem_box";
import { apiJson, guardOf, readApiJson, unchangedCondition } from "./item_json";

type Item = Record<string, AttributeValue>;

export function ItemDialog(props: { table: string; keys: readonly string[]; row: Row | undefined; mayWrite: boolean; close: () => void; onDone: () => void }) {
  const { table, keys, row, mayWrite, close, onDone } = props;
  const access = useAccess();
  const [text, setText] = useState(() => apiJson(row ?? Object.fromEntries(keys.map((key) => [key, { S: "" }]))));
  const read = readOrComplain(text, keys, row);
  const write = useAction(async () => {
    if (typeof read === "string") return;
    const condition = row
      ? (unchangedCondition(guardOf(row, keys)) as Pick<PutItemCommandInput, "ConditionExpression" | "ExpressionAttributeNames" | "ExpressionAttributeValues">)
      : { ConditionExpression: "attribute_not_exists(#key)", ExpressionAttributeNames: { "#key": keys[0] ?? "" } };
    try {
      await dynamodbOf(access).send(
        new PutItemCommand({ TableName: table, Item: read as Item, ...condition }),
      );
    } catch (error) {
      if (error instanceof Error && error.name === "ConditionalCheckFailedException") {
        throw new Error(row ? "somebody has changed the item meanwhile; nothing was written. Close this, load again, and change it as it is now" : "there is an item with this key; nothing was written");
      }
      throw error;
    }
    onDone();
  });
  return (
    <Modal
      visible
      size="large"
      header={row ? "Item" : "Put an item"}
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              {mayWrite ? "Cancel" : "Close"}
            </Button>
            {mayWrite && (
              <Button variant="primary" disabled={typeof read === "string"} loading={write.isRunning} onClick={() => void write.run()}>
                Write
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {row && mayWrite && <Alert type="info">It is written only if nobody has changed it since it was loaded.</Alert>}
        <FormField label="The item in the API's JSON" stretch {...(typeof read === "string" && { errorText: read })}>
          <div className="mono-area">
            <Textarea value={text} onChange={({ detail }) => setText(detail.value)} rows={18} spellcheck={false} readOnly={!mayWrite} />
          </div>
        </FormField>
        <ProblemBox problem={write.problem} />
      </SpaceBetween>
    </Modal>
  );
}

/** The item, or what is wrong with it. */
function readOrComplain(text: string, keys: readonly string[], row: Row | undefined): Row | string {
  let read: Row;
  try {
    read = readApiJson(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const missing = keys.find((key) => !(key in read));
  if (missing !== undefined) return `The key ${missing} is missing.`;
  const changed = row && keys.find((key) => JSON.stringify(read[key]) !== JSON.stringify(row[key]));
  return changed === undefined ? read : `The key ${changed} is the item's name: put another item instead.`;
}
