//! A command to copy.

import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import { Fragment } from "react";

export function Command({ text, label }: { text: string; label: string }) {
  return (
    <div className="command">
      <pre tabIndex={0} aria-label={label}>
        {text.split(" ").map((argument, at) => (
          // A line ends between arguments, not behind the hyphens of one.
          <Fragment key={at}>
            {at > 0 && " "}
            <span className="argument">{argument}</span>
          </Fragment>
        ))}
      </pre>
      <CopyToClipboard variant="icon" copyButtonAriaLabel={`Copy: ${label}`} textToCopy={text} copySuccessText="Copied" copyErrorText="The browser does not let this page copy" />
    </div>
  );
}

/** An argument as a POSIX shell takes it. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
