//! Addresses: `#/REGION/streams/NAME/records?from=oldest`. All that a colleague needs to see the same is in them.

import { useCallback, useSyncExternalStore } from "react";

export interface Route {
  region: string;
  /** What follows the region, decoded. */
  path: string[];
  query: URLSearchParams;
}

/** Reads the part of an address after `#`. */
export function parseRoute(hash: string, fallbackRegion: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter((part) => part !== "").map(decoded);
  const [region = fallbackRegion, ...rest] = parts;
  return { region, path: rest, query: new URLSearchParams(query) };
}

/** The address of a page; members of the query that are empty or undefined are left out. */
export function hrefOf(region: string, path: readonly string[], query: Record<string, string | undefined> = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) asked.set(name, value);
  const text = asked.toString();
  return `#/${[region, ...path].map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/** A part that is no encoding is taken as it stands: an address may be typed. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const REGION_KEY = "millstream.region";
const listeners = new Set<() => void>();
globalThis.addEventListener?.("hashchange", () => listeners.forEach((listener) => listener()));

/** The region that was looked at last. */
export function lastRegion(): string {
  return localStorage.getItem(REGION_KEY) ?? "us-east-1";
}

export function rememberRegion(region: string): void {
  localStorage.setItem(REGION_KEY, region);
}

let parsed: { hash: string; route: Route } | undefined;
function current(): Route {
  const { hash } = globalThis.location;
  if (parsed?.hash !== hash) parsed = { hash, route: parseRoute(hash, lastRegion()) };
  return parsed.route;
}

export function useRoute(): Route {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}

export function go(href: string): void {
  globalThis.location.hash = href;
}

/** Changes the address without a step in the history. */
export function replace(href: string): void {
  history.replaceState(null, "", href);
  listeners.forEach((listener) => listener());
}

/** Makes addresses in the region that is looked at. */
export function useHref(): (path: readonly string[], query?: Record<string, string | undefined>) => string {
  const { region } = useRoute();
  return useCallback((path, query) => hrefOf(region, path, query), [region]);
}
