//! A problem as a reader can act on it.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";

import type { Problem } from "../api/problem";

const HEADERS: Record<Problem["kind"], string> = {
  away: "The server does not answer",
  denied: "This key may not do that",
  "signed-out": "The server does not know this key",
  gone: "It is not there",
  throttled: "Too much at once",
  invalid: "The server refused this",
  failed: "The server failed",
};

export function ProblemBox({ problem, again }: { problem: Problem | undefined; again?: () => void }) {
  if (!problem) return null;
  const isTransient = problem.kind === "away" || problem.kind === "throttled";
  return (
    <div role="alert">
      <Alert
        type={isTransient ? "warning" : "error"}
        header={HEADERS[problem.kind]}
        {...(again && { action: <Button onClick={again}>Try again</Button> })}
      >
        {problem.permission ? (
          <>
            It lacks <Box variant="code">{problem.permission}</Box>
            {problem.resource && (
              <>
                {" "}
                on <Box variant="code">{problem.resource}</Box>
              </>
            )}
            . Who keeps the server's access keys can add it.
          </>
        ) : (
          <span className="breakable">{problem.kind === "away" ? "It is asked again until it does." : problem.message || problem.name}</span>
        )}
      </Alert>
    </div>
  );
}
