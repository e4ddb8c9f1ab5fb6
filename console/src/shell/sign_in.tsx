//! Signing in with an access key.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type FormEvent, useState } from "react";

import type { Problem } from "../api/problem";
import type { Session } from "../api/session";

export function SignIn({ session }: { session: Extract<Session, { state: "signed out" }> }) {
  return (
    <main className="sign-in">
      <SpaceBetween size="l">
        {session.why !== undefined && (
          <Alert type="warning" header="You were signed out">
            The server does not take this key any more: {session.why}
          </Alert>
        )}
        <Container header={<Header variant="h1">Sign in</Header>}>
          <KeyForm signIn={session.signIn} verb="Sign in" />
        </Container>
      </SpaceBetween>
    </main>
  );
}

/** Asks for an access key and tries it. */
export function KeyForm(props: {
  signIn: (key: { accessKeyId: string; secretAccessKey: string }) => Promise<Problem | undefined>;
  verb: string;
  onDone?: () => void;
}) {
  const [accessKeyId, setId] = useState("");
  const [secretAccessKey, setSecret] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const [isTrying, setTrying] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (accessKeyId === "" || secretAccessKey === "" || isTrying) return;
    setTrying(true);
    const found = await props.signIn({ accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim() });
    setTrying(false);
    setProblem(found);
    if (!found) props.onDone?.();
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Form
        actions={
          <Button variant="primary" loading={isTrying} disabled={accessKeyId === "" || secretAccessKey === ""}>
            {props.verb}
          </Button>
        }
        {...(problem && { errorText: problem.kind === "away" ? "The server does not answer." : problem.message || problem.name })}
      >
        <SpaceBetween size="m">
          <FormField label="Access key">
            <Input value={accessKeyId} onChange={({ detail }) => setId(detail.value)} autoComplete="username" spellcheck={false} autoFocus />
          </FormField>
          <FormField label="Secret">
            <Input value={secretAccessKey} onChange={({ detail }) => setSecret(detail.value)} type="password" autoComplete="current-password" />
          </FormField>
          <Box color="text-body-secondary" fontSize="body-s">
            The key stays in the memory of this tab: a reload forgets it, and it is sent to nobody; it only signs what is asked.
          </Box>
        </SpaceBetween>
      </Form>
    </form>
  );
}
