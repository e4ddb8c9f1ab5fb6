//! Deleting for good: what goes is listed, a name is typed, progress is shown.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type FormEvent, useState } from "react";

import { problemOf, type Problem } from "../api/problem";
import { ProblemBox } from "./problem_box";

/** As many are named one by one. */
const NAMED_MAX = 10;

export function DeleteDialog(props: {
  /** As in "Delete …". */
  what: string;
  /** What has to be typed. */
  typed: string;
  names: readonly string[];
  consequence: string;
  close: () => void;
  remove: (name: string) => Promise<void>;
  onDone: (gone: string[]) => void;
}) {
  const { what, typed, names, consequence, close, remove, onDone } = props;
  const [text, setText] = useState("");
  const [done, setDone] = useState<number>();
  const [problem, setProblem] = useState<Problem>();
  const isRunning = done !== undefined && problem === undefined;
  const run = async (event?: FormEvent) => {
    event?.preventDefault();
    if (text !== typed || isRunning) return;
    setProblem(undefined);
    const gone: string[] = [];
    for (const name of names) {
      setDone(gone.length);
      try {
        await remove(name);
      } catch (error) {
        const found = problemOf(error);
        // It is gone already: somebody else was faster.
        if (found.kind !== "gone") {
          setProblem(found);
          if (gone.length > 0) onDone(gone);
          return;
        }
      }
      gone.push(name);
    }
    onDone(gone);
    close();
  };
  return (
    <Modal
      visible
      header={`Delete ${what}?`}
      onDismiss={() => !isRunning && close()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close} disabled={isRunning}>
              Cancel
            </Button>
            <Button variant="primary" disabled={text !== typed} loading={isRunning} onClick={() => void run()}>
              Delete
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Box variant="p">{consequence}</Box>
        {names.length > 1 && (
          <ul className="names">
            {names.slice(0, NAMED_MAX).map((name) => (
              <li key={name}>{name}</li>
            ))}
            {names.length > NAMED_MAX && <li>and {names.length - NAMED_MAX} more</li>}
          </ul>
        )}
        <form onSubmit={(event) => void run(event)}>
          <FormField label={<>To confirm, type {typed}</>}>
            <Input value={text} onChange={({ detail }) => setText(detail.value)} disabled={isRunning} placeholder={typed} autoFocus autoComplete={false} spellcheck={false} />
          </FormField>
        </form>
        {done !== undefined && names.length > 1 && <ProgressBar value={(100 * done) / names.length} label="Progress" additionalInfo={`${done} of ${names.length}`} />}
        <ProblemBox problem={problem} />
      </SpaceBetween>
    </Modal>
  );
}
