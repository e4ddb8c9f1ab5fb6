//! What the server says of itself. AWS has no such page: there, nothing is known.

export interface ServerHealth {
  status: string;
  reason?: string;
  /** These only for who is on the server's machine or has a key. */
  version?: string;
  durability?: string;
  engine?: string;
  storage?: Record<string, number>;
}

/** Asks; undefined if nobody answers in this way. */
export async function serverHealth(signal?: AbortSignal): Promise<ServerHealth | undefined> {
  const answer = await fetch("/health", { ...(signal && { signal }), headers: { accept: "application/json" } });
  try {
    const body = (await answer.json()) as ServerHealth;
    return typeof body.status === "string" ? body : undefined;
  } catch {
    return undefined;
  }
}
