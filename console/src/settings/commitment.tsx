//! The account's commitment to a minimum throughput: on AWS it costs, and warm throughput needs it; here it is kept and
//! asked for all the same.

import { DescribeAccountSettingsCommand, UpdateAccountSettingsCommand } from "@aws-sdk/client-kinesis";
import RadioGroup from "@cloudscape-design/components/radio-group";

import { kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useAccess } from "../api/session";
import { Setting } from "./setting";

export function Commitment() {
  const access = useAccess();
  const kinesis = kinesisOf(access);
  const settings = useLoad(`account ${access.region} ${access.accessKeyId}`, async (signal) => {
    const answer = await kinesis.send(new DescribeAccountSettingsCommand({}), { abortSignal: signal });
    return answer.MinimumThroughputBillingCommitment?.Status ?? "DISABLED";
  });
  if (!settings.value) return null;
  const isOn = settings.value !== "DISABLED";
  return (
    <Setting
      name="Billing commitment of the account"
      now={isOn ? "On: its on-demand streams may have a warm throughput" : "Off"}
      hint="Warm throughput needs it, as on AWS. It is for all streams of the account in this region; here nothing is billed."
      begin={isOn ? "ENABLED" : "DISABLED"}
      form={({ value, set }) => (
        <RadioGroup
          value={value}
          ariaLabel="Billing commitment of the account"
          onChange={({ detail }) => set(detail.value as typeof value)}
          items={[
            { value: "ENABLED", label: "On" },
            { value: "DISABLED", label: "Off" },
          ]}
        />
      )}
      complaint={(value) => ((value === "ENABLED") === isOn ? "it is so" : undefined)}
      change={(Status) => kinesis.send(new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status: Status as "ENABLED" | "DISABLED" } }))}
      onDone={settings.again}
    />
  );
}
