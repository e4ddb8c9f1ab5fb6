//! A page that fails shows why instead of nothing, and takes no other page with it.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { Component, type ReactNode } from "react";

export class Failure extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    // A part of the page that could not be loaded: the server is away, or has another version by now.
    const isPart = /import|module|chunk/i.test(error.message);
    return (
      <Alert
        type="error"
        header={isPart ? "A part of the console could not be loaded" : "This page has failed"}
        action={<Button onClick={() => globalThis.location.reload()}>Load the page again</Button>}
      >
        {error.message}
      </Alert>
    );
  }
}
