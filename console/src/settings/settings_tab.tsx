//! Every setting of a stream that the API has.

import {
  DecreaseStreamRetentionPeriodCommand,
  DisableEnhancedMonitoringCommand,
  EnableEnhancedMonitoringCommand,
  IncreaseStreamRetentionPeriodCommand,
  type MetricsName,
  StartStreamEncryptionCommand,
  StopStreamEncryptionCommand,
  type StreamDescriptionSummary,
  UpdateMaxRecordSizeCommand,
  UpdateStreamModeCommand,
  UpdateStreamRecordDistributionStrategyCommand,
  UpdateStreamWarmThroughputCommand,
} from "@aws-sdk/client-kinesis";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Link from "@cloudscape-design/components/link";
import Multiselect from "@cloudscape-design/components/multiselect";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { describeStream, kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { untilActive } from "../api/until_active";
import { useHref } from "../shell/route";
import { Waiting } from "../shell/waiting";
import { count, hours } from "../show/format";
import { ProblemBox } from "../show/problem_box";
import { modeText } from "../streams/mode_text";
import { Commitment } from "./commitment";
import { Setting } from "./setting";

const METRICS: MetricsName[] = [
  "IncomingBytes",
  "IncomingRecords",
  "OutgoingBytes",
  "OutgoingRecords",
  "WriteProvisionedThroughputExceeded",
  "ReadProvisionedThroughputExceeded",
  "IteratorAgeMilliseconds",
];
const STRATEGIES = { USER_PARTITION_KEY: "By the partition key", AUTO: "Evenly over all shards, whatever the key" };

export default function SettingsTab({ stream }: { stream: string }) {
  const access = useAccess();
  const summary = useLoad(`settings ${access.region} ${stream}`, (signal) => describeStream(kinesisOf(access), stream, signal), 10_000);
  if (summary.isLoading) return <Waiting />;
  return (
    <SpaceBetween size="l">
      {summary.problem?.kind !== "away" && <ProblemBox problem={summary.problem} again={summary.again} />}
      {summary.value && <Settings stream={stream} now={summary.value} again={summary.again} />}
    </SpaceBetween>
  );
}

function Settings({ stream, now, again }: { stream: string; now: StreamDescriptionSummary; again: () => void }) {
  const access = useAccess();
  const href = useHref();
  const kinesis = kinesisOf(access);
  const StreamName = stream;
  const StreamARN = now.StreamARN ?? "";
  const mode = now.StreamModeDetails?.StreamMode ?? "PROVISIONED";
  const isOnDemand = mode === "ON_DEMAND";
  const retention = now.RetentionPeriodHours ?? 24;
  const metrics = (now.EnhancedMonitoring?.[0]?.ShardLevelMetrics ?? []).filter((metric) => metric !== "ALL");
  const active = async (change: Promise<unknown>) => {
    await change;
    await untilActive(kinesis, stream);
  };
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Capacity</Header>}>
        <Setting
          name="Mode"
          now={modeText(mode)}
          begin={mode}
          form={({ value, set }) => (
            <RadioGroup
              value={value}
              onChange={({ detail }) => set(detail.value as typeof mode)}
              ariaLabel="Mode"
              items={[
                { value: "PROVISIONED", label: "Provisioned", description: "You say how many shards there are." },
                { value: "ON_DEMAND", label: "On demand", description: "Shards follow the traffic: they split where they are hot and merge where they rest. Switched twice a day at most, as on AWS." },
              ]}
            />
          )}
          complaint={(value) => (value === mode ? "it is so" : undefined)}
          change={(StreamMode) => active(kinesis.send(new UpdateStreamModeCommand({ StreamARN, StreamModeDetails: { StreamMode } })))}
          onDone={again}
        />
        <div className="setting">
          <div className="setting-text">
            <b>Shards</b>
            <div>
              {count(now.OpenShardCount ?? 0)} open. <Link href={href(["streams", stream, "shards"])}>{isOnDemand ? "How they came to be" : "Change the count, split, merge"}</Link>
            </div>
          </div>
        </div>
        {isOnDemand && (
          <>
            <Commitment />
            <Setting
              name="Warm throughput"
              now={now.WarmThroughput ? `${now.WarmThroughput.TargetMiBps} MiB/s` : "Not set"}
              begin={String(now.WarmThroughput?.TargetMiBps ?? 4)}
              form={({ value, set }) => (
                <FormField label="MiB a second that the stream is ready for">
                  <Input value={value} onChange={({ detail }) => set(detail.value)} type="number" inputMode="numeric" />
                </FormField>
              )}
              complaint={(value) => (/^\d{1,6}$/.test(value) ? undefined : "a whole number")}
              change={(value) => active(kinesis.send(new UpdateStreamWarmThroughputCommand({ StreamName, WarmThroughputMiBps: Number(value) })))}
              onDone={again}
            />
            <Setting
              name="Records go to shards"
              now={STRATEGIES[(now.RecordDistributionStrategy ?? "USER_PARTITION_KEY") as keyof typeof STRATEGIES]}
              begin={(now.RecordDistributionStrategy ?? "USER_PARTITION_KEY") as keyof typeof STRATEGIES}
              form={({ value, set }) => (
                <RadioGroup
                  value={value}
                  ariaLabel="Records go to shards"
                  onChange={({ detail }) => set(detail.value as typeof value)}
                  items={Object.entries(STRATEGIES).map(([id, label]) => ({ value: id, label }))}
                />
              )}
              change={(RecordDistributionStrategy) => active(kinesis.send(new UpdateStreamRecordDistributionStrategyCommand({ StreamARN, RecordDistributionStrategy })))}
              onDone={again}
            />
          </>
        )}
      </Container>
      <Container header={<Header variant="h2">Records</Header>}>
        <Setting
          name="Retention"
          now={<span title={`${retention} hours`}>{hours(retention)}</span>}
          hint="Older records are gone. Shorter: what is older than that goes at once."
          begin={String(retention)}
          form={({ value, set }) => (
            <FormField label="Hours" constraintText="24 to 8,760 (a year)">
              <Input value={value} onChange={({ detail }) => set(detail.value)} type="number" inputMode="numeric" />
            </FormField>
          )}
          complaint={(value) => (!/^\d+$/.test(value) || Number(value) < 24 || Number(value) > 8760 ? "24 to 8,760" : Number(value) === retention ? "it is so" : undefined)}
          change={(value) => {
            const request = { StreamName, RetentionPeriodHours: Number(value) };
            return active(kinesis.send(Number(value) > retention ? new IncreaseStreamRetentionPeriodCommand(request) : new DecreaseStreamRetentionPeriodCommand(request)));
          }}
          onDone={again}
        />
        <Setting
          name="Largest record"
          now={`${count(now.MaxRecordSizeInKiB ?? 1024)} KiB`}
          begin={String(now.MaxRecordSizeInKiB ?? 1024)}
          form={({ value, set }) => (
            <FormField label="KiB" constraintText="1,024 to 10,240">
              <Input value={value} onChange={({ detail }) => set(detail.value)} type="number" inputMode="numeric" />
            </FormField>
          )}
          complaint={(value) => (/^\d+$/.test(value) && Number(value) >= 1024 && Number(value) <= 10_240 ? undefined : "1,024 to 10,240")}
          change={(value) => active(kinesis.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB: Number(value) })))}
          onDone={again}
        />
        <Setting
          name="Encryption"
          now={now.EncryptionType === "KMS" ? `KMS, key ${now.KeyId ?? ""}` : "None"}
          hint="Encrypts records on the disk if the server has a master key (--master-key). Without one this setting is kept and shown, and nothing is encrypted."
          begin={{ isOn: now.EncryptionType === "KMS", key: now.KeyId ?? "alias/aws/kinesis" }}
          form={({ value, set }) => (
            <SpaceBetween size="m">
              <RadioGroup
                value={value.isOn ? "KMS" : "NONE"}
                ariaLabel="Encryption"
                onChange={({ detail }) => set({ ...value, isOn: detail.value === "KMS" })}
                items={[
                  { value: "NONE", label: "None" },
                  { value: "KMS", label: "With a key of KMS" },
                ]}
              />
              {value.isOn && (
                <FormField label="Key: id, alias or ARN">
                  <Input value={value.key} onChange={({ detail }) => set({ ...value, key: detail.value })} spellcheck={false} />
                </FormField>
              )}
            </SpaceBetween>
          )}
          complaint={(value) => (value.isOn === (now.EncryptionType === "KMS") && value.key === (now.KeyId ?? value.key) ? "it is so" : value.isOn && value.key === "" ? "a key" : undefined)}
          change={(value) =>
            active(
              value.isOn
                ? kinesis.send(new StartStreamEncryptionCommand({ StreamName, EncryptionType: "KMS", KeyId: value.key }))
                : kinesis.send(new StopStreamEncryptionCommand({ StreamName, EncryptionType: "KMS", KeyId: now.KeyId ?? value.key })),
            )
          }
          onDone={again}
        />
      </Container>
      <Container header={<Header variant="h2">Monitoring</Header>}>
        <Setting
          name="Metrics of each shard"
          now={metrics.length === 0 ? "None" : metrics.length === METRICS.length ? "All" : metrics.join(", ")}
          begin={metrics as MetricsName[]}
          form={({ value, set }) => (
            <FormField label="Metrics">
              <Multiselect
                selectedOptions={value.map((metric) => ({ value: metric, label: metric }))}
                options={METRICS.map((metric) => ({ value: metric, label: metric }))}
                onChange={({ detail }) => set(detail.selectedOptions.map((option) => option.value as MetricsName))}
                enableSelectAll
                placeholder="None"
                i18nStrings={{ selectAllText: "All" }}
                deselectAriaLabel={(option) => `Leave out ${option.label}`}
              />
            </FormField>
          )}
          change={async (wanted) => {
            const off = metrics.filter((metric) => !wanted.includes(metric)) as MetricsName[];
            const on = wanted.filter((metric) => !(metrics as MetricsName[]).includes(metric));
            if (off.length > 0) await active(kinesis.send(new DisableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics: off })));
            if (on.length > 0) await active(kinesis.send(new EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics: on })));
          }}
          onDone={again}
        />
      </Container>
    </SpaceBetween>
  );
}
