//! The frame of every page: who is in, where to go, and the page itself, which is loaded when it is wanted.

import AppLayout from "@cloudscape-design/components/app-layout";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import SideNavigation from "@cloudscape-design/components/side-navigation";
import { type ComponentType, lazy, Suspense, useEffect, useState } from "react";

import { useReport } from "../api/reports";
import { useSession } from "../api/session";
import { Nothing } from "../show/nothing";
import { Failure } from "./failure";
import { Waiting } from "./waiting";
import { NoticesBar } from "./notices";
import { hrefOf, rememberRegion, useRoute } from "./route";
import { SignIn } from "./sign_in";
import { TopBar } from "./top_bar";
import Alert from "@cloudscape-design/components/alert";

const Start = lazy(() => import("../start/start_page"));
const Streams = lazy(() => import("../streams/streams_page"));
const CreateStream = lazy(() => import("../streams/create_page"));
const Applications = lazy(() => import("../applications/applications_page"));
const Application = lazy(() => import("../applications/application_page"));
const Tables = lazy(() => import("../tables/tables_page"));
const Table = lazy(() => import("../tables/table_page"));
const Server = lazy(() => import("../server/server_page"));
const Stream = lazy(() => import("../streams/stream_page"));

interface Page {
  page: ComponentType;
  /** Names and addresses of the pages above, and of this one. */
  crumbs: { text: string; path: string[] }[];
}

/** The page that an address names; undefined if it names none. */
function pageOf(path: readonly string[]): Page | undefined {
  const [first, second] = path;
  const streams = { text: "Streams", path: ["streams"] };
  if (first === undefined) return { page: Start, crumbs: [] };
  if (first === "streams" && second === undefined) return { page: Streams, crumbs: [streams] };
  if (first === "server") return { page: Server, crumbs: [{ text: "Server", path: [first] }] };
  if (first === "create-stream") return { page: CreateStream, crumbs: [streams, { text: "Create a stream", path: [first] }] };
  if (first === "streams" && second !== undefined) {
    return { page: Stream, crumbs: [streams, { text: second, path: [first, second] }] };
  }
  for (const [id, text, list, one] of SECTIONS) {
    if (first !== id) continue;
    const crumb = { text, path: [id] };
    return second === undefined ? { page: list, crumbs: [crumb] } : { page: one, crumbs: [crumb, { text: second, path: [id, second] }] };
  }
  return undefined;
}

/** Sections whose pages are a list, and one of it. */
const SECTIONS: [id: string, text: string, list: ComponentType, one: ComponentType][] = [
  ["applications", "Applications", Applications, Application],
  ["tables", "Tables", Tables, Table],
];

/** Its words are short, and tables are wide. */
const NAVIGATION_PX = 210;

export function App() {
  const session = useSession();
  return (
    <>
      <div id="top-bar">
        <TopBar />
      </div>
      {session.state === "in" ? <Pages /> : session.state === "signed out" ? <SignIn session={session} /> : <Waiting problem={session.problem} />}
    </>
  );
}

function Pages() {
  const { region, path } = useRoute();
  const { isAway } = useReport();
  const [isNavigationOpen, setNavigationOpen] = useState(() => matchMedia("(min-width: 1000px)").matches);
  const found = pageOf(path);
  const title = found?.crumbs.at(-1)?.text;
  useEffect(() => {
    document.title = title ? `${title} · Millstream` : "Millstream";
  }, [title]);
  useEffect(() => rememberRegion(region), [region]);
  useEffect(() => {
    // The design system gives its narrow bar an attribute that the role has not, and axe is right to complain.
    for (const nav of document.querySelectorAll("nav[aria-orientation]")) nav.removeAttribute("aria-orientation");
  });
  const crumbs = [{ text: "Start", path: [] as string[] }, ...(found?.crumbs ?? [])];
  const Found = found?.page;
  return (
    <AppLayout
      headerSelector="#top-bar"
      toolsHide
      navigationWidth={NAVIGATION_PX}
      navigationOpen={isNavigationOpen}
      onNavigationChange={({ detail }) => setNavigationOpen(detail.open)}
      navigation={
        <SideNavigation
          header={{ text: "Millstream", href: hrefOf(region, []) }}
          activeHref={hrefOf(region, path[0] === "create-stream" ? ["streams"] : path.slice(0, 1))}
          onFollow={() => {
            if (!matchMedia("(min-width: 1000px)").matches) setNavigationOpen(false);
          }}
          items={[
            { type: "link", text: "Start", href: hrefOf(region, []) },
            { type: "link", text: "Streams", href: hrefOf(region, ["streams"]) },
            { type: "link", text: "Applications", href: hrefOf(region, ["applications"]) },
            { type: "link", text: "Tables", href: hrefOf(region, ["tables"]) },
            { type: "divider" },
            { type: "link", text: "Server", href: hrefOf(region, ["server"]) },
          ]}
        />
      }
      breadcrumbs={
        crumbs.length > 1 ? (
          <BreadcrumbGroup items={crumbs.map((crumb) => ({ text: crumb.text, href: hrefOf(region, crumb.path) }))} ariaLabel="Where you are" />
        ) : undefined
      }
      notifications={
        <>
          {isAway && (
            <div role="status">
              <Alert type="warning" header="The server does not answer">
                What you see is what it said last. It is asked again until it answers.
              </Alert>
            </div>
          )}
          <NoticesBar />
        </>
      }
      content={
        <Failure key={path.join("/")}>
          <Suspense fallback={<Waiting />}>
            {Found ? <Found /> : <Nothing title="There is no such page">The address may be of another version of this console.</Nothing>}
          </Suspense>
        </Failure>
      }
    />
  );
}
