//! One stream: what it is, and its tabs.

import { DeleteStreamCommand } from "@aws-sdk/client-kinesis";
import Button from "@cloudscape-design/components/button";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { type ComponentType, lazy, Suspense, useState } from "react";

import { describeStream, kinesisOf } from "../api/kinesis";
import { useLoad } from "../api/load";
import { useMay } from "../api/permissions";
import { useAccess } from "../api/session";
import { Failure } from "../shell/failure";
import { useSay } from "../shell/notices";
import { go, useHref, useRoute } from "../shell/route";
import { Waiting } from "../shell/waiting";
import { Amount } from "../show/amount";
import { DeleteDialog } from "../show/delete_dialog";
import { Facts } from "../show/facts";
import { hours } from "../show/format";
import { Moment } from "../show/moment";
import { Nothing } from "../show/nothing";
import { ProblemBox } from "../show/problem_box";
import { Status } from "../show/status";
import { modeText } from "./mode_text";

const FinishDialog = lazy(() => import("../finish/finish_dialog"));

interface Tab {
  id: string;
  label: string;
  content: ComponentType<{ stream: string }>;
}

const TABS: Tab[] = [
  { id: "records", label: "Records", content: lazy(() => import("../records/records_tab")) },
  { id: "shards", label: "Shards", content: lazy(() => import("../shards/shards_tab")) },
  { id: "monitoring", label: "Monitoring", content: lazy(() => import("../monitoring/monitoring_tab")) },
  { id: "access", label: "Access", content: lazy(() => import("../settings/access_tab")) },
  { id: "settings", label: "Settings", content: lazy(() => import("../settings/settings_tab")) },
];

export default function StreamPage() {
  const access = useAccess();
  const href = useHref();
  const say = useSay();
  const { path } = useRoute();
  const [, stream = "", tab = "records"] = path;
  const mayDelete = useMay("delete streams");
  const [dialog, setDialog] = useState<"delete" | "finish">();
  const summary = useLoad(`summary ${access.region} ${access.accessKeyId} ${stream}`, (signal) => describeStream(kinesisOf(access), stream, signal), 5000);
  if (summary.problem?.kind === "gone" && dialog === undefined) {
    return (
      <Nothing title={`There is no stream ${stream}`} action={<Button href={href(["streams"])}>All streams</Button>}>
        It was deleted, or it is in another region than {access.region}.
      </Nothing>
    );
  }
  if (summary.isLoading) return <Waiting />;
  const found = summary.value;
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={
            found?.StreamARN && (
              <CopyToClipboard variant="inline" textToCopy={found.StreamARN} copyButtonAriaLabel="Copy the ARN" copySuccessText="Copied" copyErrorText="The browser does not let this page copy" />
            )
          }
          actions={
            mayDelete &&
            found && (
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => setDialog("finish")}>Finish up…</Button>
                <Button onClick={() => setDialog("delete")}>Delete</Button>
              </SpaceBetween>
            )
          }
        >
          <span className="breakable">{stream}</span>
        </Header>
      }
    >
      <SpaceBetween size="l">
        {summary.problem?.kind !== "away" && <ProblemBox problem={summary.problem} again={summary.again} />}
        {found && (
          <Facts
            of={[
              ["Status", <Status of={found.StreamStatus} />],
              ["Mode", modeText(found.StreamModeDetails?.StreamMode)],
              ["Open shards", <Amount of={found.OpenShardCount} />],
              ["Kept for", <span title={`${found.RetentionPeriodHours} hours`}>{hours(found.RetentionPeriodHours ?? 0)}</span>],
              ["Fan-out consumers", <Amount of={found.ConsumerCount} />],
              ["Encryption", found.EncryptionType === "KMS" ? `KMS, ${found.KeyId ?? ""}` : "None"],
              ["Created", <Moment at={found.StreamCreationTimestamp} />],
            ]}
          />
        )}
        {found && (
          <Tabs
            ariaLabel={`Parts of ${stream}`}
            activeTabId={tab}
            onChange={({ detail }) => go(href(["streams", stream, detail.activeTabId]))}
            tabs={TABS.map((one) => ({
              id: one.id,
              label: one.label,
              content: one.id === tab && (
                <Failure key={one.id}>
                  <Suspense fallback={<Waiting />}>
                    <one.content stream={stream} />
                  </Suspense>
                </Failure>
              ),
            }))}
          />
        )}
      </SpaceBetween>
      {dialog === "finish" && (
        <Suspense fallback={null}>
          <FinishDialog
            stream={stream}
            close={() => setDialog(undefined)}
            onDone={() => {
              say("success", `${stream} is finished.`);
              go(href(["streams"]));
            }}
          />
        </Suspense>
      )}
      {dialog === "delete" && (
        <DeleteDialog
          what={`the stream ${stream}`}
          typed={stream}
          names={[stream]}
          consequence="Its records and fan-out consumers go with it. This cannot be undone."
          close={() => setDialog(undefined)}
          remove={async (name) => {
            await kinesisOf(access).send(new DeleteStreamCommand({ StreamName: name, EnforceConsumerDeletion: true }));
          }}
          onDone={() => {
            say("success", `${stream} is deleted.`);
            go(href(["streams"]));
          }}
        />
      )}
    </ContentLayout>
  );
}
