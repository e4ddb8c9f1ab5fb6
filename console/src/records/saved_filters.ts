//! Filters that the reader keeps, for each stream, in the browser.

import type { Filter } from "./filter";

export interface SavedFilter {
  name: string;
  filter: Filter;
}

/** Older ones go first. */
const SAVED_MAX = 20;
const keyOf = (stream: string) => `millstream.filters.${stream}`;

export function savedFilters(stream: string): SavedFilter[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(keyOf(stream)) ?? "[]");
    return Array.isArray(found) ? found.filter(isSaved) : [];
  } catch {
    return [];
  }
}

function isSaved(value: unknown): value is SavedFilter {
  const one = value as SavedFilter | null;
  return typeof one?.name === "string" && [one.filter?.key, one.filter?.text, one.filter?.expression].every((text) => typeof text === "string");
}

/** Keeps a filter under a name made of what it asks for. */
export function rememberFilter(stream: string, filter: Filter): SavedFilter[] {
  const name = [filter.key && `key has ${filter.key}`, filter.text && `data has ${filter.text}`, filter.expression].filter(Boolean).join(", ");
  return keep(stream, [...savedFilters(stream).filter((one) => one.name !== name), { name, filter }]);
}

export function forgetFilter(stream: string, name: string): SavedFilter[] {
  return keep(stream, savedFilters(stream).filter((one) => one.name !== name));
}

function keep(stream: string, filters: SavedFilter[]): SavedFilter[] {
  const kept = filters.slice(-SAVED_MAX);
  localStorage.setItem(keyOf(stream), JSON.stringify(kept));
  return kept;
}
