//! One setting: what it is now, and a form to change it.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type FormEvent, type ReactNode, useState } from "react";

import { useAction } from "../api/load";
import { type Deed, useMay } from "../api/permissions";
import { useSay } from "../shell/notices";
import { ProblemBox } from "../show/problem_box";

/** A draft that is being changed. */
export interface Draft<T> {
  value: T;
  set: (value: T) => void;
}

export function Setting<T>(props: {
  name: string;
  now: ReactNode;
  /** What the form begins with. */
  begin: T;
  form: (draft: Draft<T>) => ReactNode;
  /** What is wrong; undefined if the change can be asked for. */
  complaint?: (value: T) => string | undefined;
  /** Asks for the change. */
  change: (value: T) => Promise<unknown>;
  onDone: () => void;
  verb?: string;
  /** What changes with it; a stream where nothing is said. */
  deed?: Deed;
  hint?: ReactNode;
}) {
  const { name, now, begin, form, change, onDone, verb = "Change", deed = "change streams" } = props;
  const mayChange = useMay(deed);
  const say = useSay();
  const [value, setValue] = useState<T>();
  const complaint = value === undefined ? undefined : props.complaint?.(value);
  const action = useAction(async () => {
    await change(value as T);
    say("success", `${name} is changed.`);
    setValue(undefined);
    onDone();
  });
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!complaint) void action.run();
  };
  return (
    <div className="setting">
      <div className="setting-text">
        <Box variant="awsui-key-label">{name}</Box>
        <div>{now}</div>
        {props.hint && (
          <Box color="text-body-secondary" fontSize="body-s">
            {props.hint}
          </Box>
        )}
      </div>
      {mayChange && (
        <span className="nowrap">
          <Button
            ariaLabel={`${verb} ${name.toLowerCase()}`}
            onClick={() => {
              action.reset();
              setValue(begin);
            }}
          >
            {verb}…
          </Button>
        </span>
      )}
      {value !== undefined && (
        <Modal
          visible
          header={name}
          onDismiss={() => setValue(undefined)}
          footer={
            <Box float="right">
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="link" onClick={() => setValue(undefined)}>
                  Cancel
                </Button>
                <Button variant="primary" loading={action.isRunning} disabled={complaint !== undefined} onClick={() => submit()}>
                  Save
                </Button>
              </SpaceBetween>
            </Box>
          }
        >
          <form onSubmit={submit}>
            <SpaceBetween size="m">
              {form({ value, set: setValue as (value: T) => void })}
              <ProblemBox problem={action.problem} />
            </SpaceBetween>
          </form>
        </Modal>
      )}
    </div>
  );
}
