//! What the reader prefers: dark or light, and in which zone times are shown. Kept in the browser.

import { applyMode, Mode } from "@cloudscape-design/global-styles";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";

import type { Zone } from "../show/format";

export type Theme = "light" | "dark" | "system";

interface Preferences {
  theme: Theme;
  zone: Zone;
  setTheme: (theme: Theme) => void;
  setZone: (zone: Zone) => void;
}

const Context = createContext<Preferences | undefined>(undefined);

function stored<T extends string>(key: string, values: readonly T[], fallback: T): T {
  const found = localStorage.getItem(key);
  return values.find((value) => value === found) ?? fallback;
}

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const [theme, setTheme] = useState(() => stored<Theme>("millstream.theme", ["light", "dark", "system"], "system"));
  const [zone, setZone] = useState(() => stored<Zone>("millstream.zone", ["local", "utc"], "local"));
  useEffect(() => {
    localStorage.setItem("millstream.theme", theme);
    localStorage.setItem("millstream.zone", zone);
  }, [theme, zone]);
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => applyMode(theme === "dark" || (theme === "system" && system.matches) ? Mode.Dark : Mode.Light);
    apply();
    system.addEventListener("change", apply);
    return () => system.removeEventListener("change", apply);
  }, [theme]);
  const value = useMemo(() => ({ theme, zone, setTheme, setZone }), [theme, zone]);
  return <Context value={value}>{children}</Context>;
}

export function usePreferences(): Preferences {
  const preferences = useContext(Context);
  if (!preferences) throw new Error("PreferencesProvider is missing");
  return preferences;
}
