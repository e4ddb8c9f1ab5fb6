//! Signing in: a server without keys lets everybody in and is not asked about; one with keys wants an access key.

import { KinesisClient, ListStreamsCommand } from "@aws-sdk/client-kinesis";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

import { useRoute } from "../shell/route";
import { type Access, ANY_KEY, clientSettings } from "./access";
import { problemOf, type Problem } from "./problem";
import { forgetSignedOut, useReport } from "./reports";

type Key = Pick<Access, "accessKeyId" | "secretAccessKey">;

/** Where the tab stands. */
export type Session =
  /** It is not known yet whether a key is needed. */
  | { state: "asking"; problem?: Problem }
  /** A key is needed; `why` says what was wrong with the last one. */
  | { state: "signed out"; why?: string; signIn: (key: Key) => Promise<Problem | undefined> }
  | {
      state: "in";
      access: Access;
      /** Whether the server checks keys. */
      hasKeys: boolean;
      signOut: () => void;
      signIn: (key: Key) => Promise<Problem | undefined>;
    };

const Context = createContext<Session | undefined>(undefined);
const ASK_AGAIN_MS = 1500;

/** Whether the server takes a key; a key that may not list streams is taken all the same. */
async function trial(key: Key, region: string): Promise<Problem | undefined> {
  const client = new KinesisClient({ ...clientSettings({ ...key, region }), maxAttempts: 1 });
  try {
    await client.send(new ListStreamsCommand({ Limit: 1 }));
    return undefined;
  } catch (error) {
    const problem = problemOf(error);
    return problem.kind === "denied" ? undefined : problem;
  } finally {
    client.destroy();
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const { region } = useRoute();
  const report = useReport();
  const [key, setKey] = useState<Key>();
  const [hasKeys, setHasKeys] = useState<boolean>();
  const [problem, setProblem] = useState<Problem>();

  useEffect(() => {
    if (hasKeys !== undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const ask = async () => {
      const found = await trial(ANY_KEY, region);
      if (isOver) return;
      if (found === undefined) setHasKeys(false);
      else if (found.kind === "signed-out") setHasKeys(true);
      else {
        setProblem(found);
        timer = setTimeout(() => void ask(), ASK_AGAIN_MS);
      }
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
    // The region of the first page is as good as any other.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [hasKeys]);

  const signIn = useCallback(
    async (wanted: Key) => {
      const found = await trial(wanted, region);
      if (found) return found;
      forgetSignedOut();
      setKey(wanted);
      return undefined;
    },
    [region],
  );
  const signOut = useCallback(() => {
    setKey(undefined);
    setHasKeys(undefined);
    forgetSignedOut();
  }, []);

  const lost = report.signedOut;
  useEffect(() => {
    // The server has been started again with keys, or this one was revoked.
    if (lost !== undefined) {
      setKey(undefined);
      setHasKeys(true);
    }
  }, [lost]);

  const used = key ?? (hasKeys === false ? ANY_KEY : undefined);
  const access = useMemo(() => (used ? { ...used, region } : undefined), [used, region]);
  const session = useMemo<Session>(() => {
    if (hasKeys === undefined) return { state: "asking", ...(problem && { problem }) };
    if (!access || lost !== undefined) return { state: "signed out", signIn, ...(lost !== undefined && { why: lost }) };
    return { state: "in", access, hasKeys, signIn, signOut };
  }, [hasKeys, problem, access, lost, signIn, signOut]);
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("SessionProvider is missing");
  return session;
}

/** The access of a page that is shown to who is in. */
export function useAccess(): Access {
  const session = useSession();
  if (session.state !== "in") throw new Error("this page is for who is signed in");
  return session.access;
}
