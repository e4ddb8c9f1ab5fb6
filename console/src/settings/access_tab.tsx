//! Who reads a stream by fan-out, who may do what with it, and its tags.

import SpaceBetween from "@cloudscape-design/components/space-between";

import { describeStream, kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { Waiting } from "../shell/waiting";
import { ProblemBox } from "../show/problem_box";
import { Consumers } from "./consumers";
import { Policy } from "./policy";
import { Tags } from "./tags";

export default function AccessTab({ stream }: { stream: string }) {
  const access = useAccess();
  const summary = useLoad(`arn ${access.region} ${stream}`, (signal) => describeStream(kinesisOf(access), stream, signal));
  if (summary.isLoading) return <Waiting />;
  const arn = summary.value?.StreamARN;
  if (!arn) return <ProblemBox problem={summary.problem} again={summary.again} />;
  return (
    <SpaceBetween size="l">
      <Consumers arn={arn} />
      <Policy arn={arn} />
      <Tags arn={arn} />
    </SpaceBetween>
  );
}
