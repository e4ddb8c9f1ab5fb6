//! Who calls, and where: the credentials of this tab. They are in memory and nowhere else; a reload forgets them.

/** What every client is made from. */
export interface Access {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

/** What a server without access keys is told: it takes any. */
export const ANY_KEY = { accessKeyId: "console", secretAccessKey: "console" };

/** What the SDK's clients have in common. */
export function clientSettings(access: Access) {
  return {
    region: access.region,
    endpoint: globalThis.location.origin,
    credentials: { accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey },
    maxAttempts: 3,
    requestHandler: { requestTimeout: 30_000 },
  };
}

/** Clients are made once for each access. */
export function once<C>(make: (access: Access) => C): (access: Access) => C {
  const made = new WeakMap<Access, C>();
  return (access) => {
    let client = made.get(access);
    if (!client) {
      client = make(access);
      made.set(access, client);
    }
    return client;
  };
}
