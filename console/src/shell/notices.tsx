//! What was done, said once at the top of the page.

import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";

type Say = (type: "success" | "info" | "warning" | "error", text: ReactNode) => void;
interface Notices {
  items: FlashbarProps.MessageDefinition[];
  say: Say;
}

const Context = createContext<Notices | undefined>(undefined);
/** Older ones make room. */
const NOTICES_MAX = 4;
const SHOWN_MS = 8000;
let made = 0;

export function NoticesProvider({ children }: { children: ReactNode }) {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const say = useCallback<Say>((type, text) => {
    const id = String((made += 1));
    const close = () => setItems((before) => before.filter((item) => item.id !== id));
    setItems((before) => [
      { id, type, content: text, dismissible: true, dismissLabel: "Close this message", onDismiss: close },
      ...before.slice(0, NOTICES_MAX - 1),
    ]);
    // What went wrong stays until it was read.
    if (type === "success" || type === "info") setTimeout(close, SHOWN_MS);
  }, []);
  const value = useMemo(() => ({ items, say }), [items, say]);
  return <Context value={value}>{children}</Context>;
}

function useNotices(): Notices {
  const notices = useContext(Context);
  if (!notices) throw new Error("NoticesProvider is missing");
  return notices;
}

export function useSay(): Say {
  return useNotices().say;
}

export function NoticesBar() {
  return <Flashbar items={useNotices().items} />;
}
