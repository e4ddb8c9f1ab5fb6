//! The tags of a stream.

import { ListTagsForResourceCommand, TagResourceCommand, UntagResourceCommand } from "@aws-sdk/client-kinesis";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";

import { kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { ProblemBox } from "../show/problem_box";
import { type Tag, tagComplaint, TagFields } from "../show/tag_fields";
import { Setting } from "./setting";

export function Tags({ arn }: { arn: string }) {
  const access = useAccess();
  const kinesis = kinesisOf(access);
  const tags = useLoad(`tags ${arn}`, async (signal) => {
    const { Tags: found } = await kinesis.send(new ListTagsForResourceCommand({ ResourceARN: arn }), { abortSignal: signal });
    return (found ?? []).map((tag): Tag => ({ key: tag.Key ?? "", value: tag.Value ?? "" }));
  });
  const now = tags.value ?? [];
  const change = async (wanted: Tag[]) => {
    const gone = now.filter((tag) => !wanted.some((one) => one.key === tag.key)).map((tag) => tag.key);
    const set = wanted.filter((tag) => !now.some((one) => one.key === tag.key && one.value === tag.value));
    if (gone.length > 0) await kinesis.send(new UntagResourceCommand({ ResourceARN: arn, TagKeys: gone }));
    if (set.length > 0) await kinesis.send(new TagResourceCommand({ ResourceARN: arn, Tags: Object.fromEntries(set.map((tag) => [tag.key, tag.value])) }));
  };
  return (
    <Container header={<Header variant="h2">Tags</Header>}>
      {tags.problem && tags.problem.kind !== "away" ? (
        <ProblemBox problem={tags.problem} again={tags.again} />
      ) : (
        <Setting
          name="Tags"
          now={now.length === 0 ? "None" : now.map((tag) => `${tag.key} = ${tag.value}`).join(", ")}
          begin={now}
          form={({ value, set }) => <TagFields tags={value} onChange={set} />}
          complaint={tagComplaint}
          change={change}
          onDone={tags.again}
        />
      )}
    </Container>
  );
}
