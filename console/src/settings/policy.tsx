//! The policy of a stream.

import { DeleteResourcePolicyCommand, GetResourcePolicyCommand, PutResourcePolicyCommand } from "@aws-sdk/client-kinesis";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Textarea from "@cloudscape-design/components/textarea";

import { kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { indented } from "../records/json_text";
import { ProblemBox } from "../show/problem_box";
import { Setting } from "./setting";

/** What is wrong with a policy as far as its form goes; the server reads the rest. Empty: none. */
export function policyComplaint(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch (error) {
    return `This is no JSON: ${error instanceof Error ? error.message : ""}`;
  }
  const statements = (policy as { Statement?: unknown } | null)?.Statement;
  if (typeof policy !== "object" || policy === null || statements === undefined) return "A policy has a Statement.";
  for (const statement of Array.isArray(statements) ? statements : [statements]) {
    const { Effect, Principal, Action } = (statement ?? {}) as Record<string, unknown>;
    if (Effect !== "Allow" && Effect !== "Deny") return "The Effect of a statement is Allow or Deny.";
    if (Principal === undefined) return "A statement of a stream's policy names its Principal.";
    if (Action === undefined) return "A statement names its Action.";
  }
  return undefined;
}

export function Policy({ arn }: { arn: string }) {
  const access = useAccess();
  const kinesis = kinesisOf(access);
  const policy = useLoad(`policy ${arn}`, async (signal) => {
    const { Policy: text } = await kinesis.send(new GetResourcePolicyCommand({ ResourceARN: arn }), { abortSignal: signal });
    return text === undefined || text.trim() === "{}" ? "" : text;
  });
  const example = JSON.stringify(
    {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: "111122223333" }, Action: ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"], Resource: arn }],
    },
    null,
    2,
  );
  return (
    <Container header={<Header variant="h2">Policy</Header>}>
      {policy.problem && policy.problem.kind !== "away" ? (
        <ProblemBox problem={policy.problem} again={policy.again} />
      ) : (
        <Setting
          name="Who may do what with this stream"
          now={policy.value ? <pre className="record-text" tabIndex={0} aria-label="Policy">{indented(policy.value)}</pre> : "No policy: the access keys' own decide."}
          begin={policy.value ? indented(policy.value) : example}
          verb={policy.value ? "Change" : "Write"}
          form={({ value, set }) => (
            <FormField label="Policy as JSON" description="Empty: the policy is deleted." {...(policyComplaint(value) && { errorText: policyComplaint(value) })} stretch>
              <div className="mono-area">
                <Textarea value={value} onChange={({ detail }) => set(detail.value)} rows={16} spellcheck={false} />
              </div>
            </FormField>
          )}
          complaint={policyComplaint}
          change={(text) => (text.trim() === "" ? kinesis.send(new DeleteResourcePolicyCommand({ ResourceARN: arn })) : kinesis.send(new PutResourcePolicyCommand({ ResourceARN: arn, Policy: text })))}
          onDone={policy.again}
        />
      )}
    </Container>
  );
}
