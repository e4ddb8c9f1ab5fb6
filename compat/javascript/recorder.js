// What the SDK itself saw of each call, for the table in docs/compatibility.md: a line of JSON for each new kind of
// outcome goes to the file that MILLSTREAM_COMPAT_SEEN names, if it names one.

import { appendFileSync, readFileSync } from "node:fs";

const path = process.env.MILLSTREAM_COMPAT_SEEN;
const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url)));
const version = dependencies["@aws-sdk/client-kinesis"];
const written = new Set();

function write(entry) {
  const line = JSON.stringify(entry);
  if (!path || written.has(line)) return;
  written.add(line);
  appendFileSync(path, `${line}\n`);
}

/** The client, with middleware that listens; the tests say nothing about what was seen. */
export function recorded(client) {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      const { body } = result.response;
      context.compat = {
        encoding: args.request.headers["content-type"],
        http: body?.httpVersion ?? (body?.session?.alpnProtocol?.startsWith("h2") ? "2" : undefined),
      };
      return result;
    },
    { step: "deserialize", priority: "low", name: "compatResponse" },
  );
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = context.commandName.replace(/Command$/, "");
      const note = (outcome, code) => write({ sdk: "JavaScript", version, operation, outcome, code, ...context.compat });
      try {
        const result = await next(args);
        note("success", null);
        return result;
      } catch (error) {
        if (error.$metadata?.httpStatusCode) note("error", error.name);
        throw error;
      }
    },
    { step: "initialize", name: "compatOutcome" },
  );
  return client;
}
