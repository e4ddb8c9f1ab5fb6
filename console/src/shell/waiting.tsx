//! While something is on its way.

import Box from "@cloudscape-design/components/box";
import Spinner from "@cloudscape-design/components/spinner";

import type { Problem } from "../api/problem";
import { ProblemBox } from "../show/problem_box";

export function Waiting({ problem }: { problem?: Problem | undefined }) {
  return (
    <Box textAlign="center" padding="xxl">
      {problem ? <ProblemBox problem={problem} /> : <Spinner size="large" />}
      <span className="unseen" role="status">
        Loading
      </span>
    </Box>
  );
}
