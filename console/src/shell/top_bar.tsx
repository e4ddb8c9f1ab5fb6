//! The bar at the top: the mark, the region, how things are shown, and whose key it is.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TopNavigation, { type TopNavigationProps } from "@cloudscape-design/components/top-navigation";
import { type FormEvent, useState } from "react";

import { useSession } from "../api/session";
import { type Theme, usePreferences } from "./preferences";
import { REGIONS } from "./regions";
import { go, hrefOf, useRoute } from "./route";
import { KeyForm } from "./sign_in";

const THEMES: Record<Theme, string> = { light: "Light", dark: "Dark", system: "As the system" };

export function TopBar() {
  const session = useSession();
  const { region, path } = useRoute();
  const { theme, zone, setTheme, setZone } = usePreferences();
  const [dialog, setDialog] = useState<"key" | "region">();
  const utilities: TopNavigationProps.Utility[] = [
    {
      type: "menu-dropdown",
      text: region,
      ariaLabel: `Region ${region}`,
      title: "Region",
      items: [
        ...[...new Set([region, ...REGIONS])].map((name) => ({ id: name, text: name })),
        { id: "other", text: "Another region…" },
      ],
      // A stream of one region is not in another: its list is.
      onItemClick: ({ detail }) => (detail.id === "other" ? setDialog("region") : go(hrefOf(detail.id, path.slice(0, 1)))),
    },
    {
      type: "menu-dropdown",
      iconName: "settings",
      ariaLabel: "How things are shown",
      title: "Show",
      items: [
        {
          id: "theme",
          text: "Colours",
          items: (["light", "dark", "system"] as const).map((one) => ({
            id: `theme-${one}`,
            text: THEMES[one],
            itemType: "checkbox" as const,
            checked: theme === one,
          })),
        },
        {
          id: "zone",
          text: "Times",
          items: (["local", "utc"] as const).map((one) => ({
            id: `zone-${one}`,
            text: one === "utc" ? "UTC" : "Local",
            itemType: "checkbox" as const,
            checked: zone === one,
          })),
        },
      ],
      onItemClick: ({ detail }) => {
        const [what, which] = detail.id.split("-");
        if (what === "theme") setTheme(which as Theme);
        else if (what === "zone") setZone(which === "utc" ? "utc" : "local");
      },
    },
  ];
  if (session.state === "in") {
    utilities.push({
      type: "menu-dropdown",
      iconName: "user-profile",
      ariaLabel: `Access key ${session.access.accessKeyId}`,
      title: session.hasKeys ? session.access.accessKeyId : "No key is needed",
      items: [
        { id: "key", text: session.hasKeys ? "Use another key…" : "Use a key, for another account…" },
        ...(session.hasKeys || session.access.accessKeyId !== "console" ? [{ id: "out", text: "Sign out" }] : []),
      ],
      onItemClick: ({ detail }) => (detail.id === "key" ? setDialog("key") : session.signOut()),
    });
  }
  return (
    <>
      <TopNavigation
        identity={{ href: hrefOf(region, []), logo: { src: "/wordmark.svg", alt: "Millstream" } }}
        utilities={utilities}
      />
      {session.state === "in" && dialog === "key" && (
        <Modal visible header="Use another key" onDismiss={() => setDialog(undefined)} size="small">
          <SpaceBetween size="m">
            {!session.hasKeys && (
              <Box variant="p">This server takes any key. One of twelve digits is an account of its own, with streams of its own.</Box>
            )}
            <KeyForm signIn={session.signIn} verb="Use it" onDone={() => setDialog(undefined)} />
          </SpaceBetween>
        </Modal>
      )}
      {dialog === "region" && <OtherRegion close={() => setDialog(undefined)} />}
    </>
  );
}

function OtherRegion({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!/^[a-z0-9-]+$/.test(name)) return;
    go(hrefOf(name, []));
    close();
  };
  return (
    <Modal visible header="Another region" onDismiss={close} size="small">
      <form onSubmit={submit}>
        <SpaceBetween size="m">
          <FormField label="Region" description="As in the settings of the clients that use it.">
            <Input value={name} onChange={({ detail }) => setName(detail.value)} placeholder="eu-west-1" autoFocus />
          </FormField>
          <Button variant="primary" disabled={!/^[a-z0-9-]+$/.test(name)}>
            Go there
          </Button>
        </SpaceBetween>
      </form>
    </Modal>
  );
}
