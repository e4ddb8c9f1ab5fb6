//! Commands that do outside what a page does here.

import { quoted } from "../show/command";

/** A command of the AWS CLI at this server. */
export function aws(region: string, ...args: string[]): string {
  return ["aws", "--endpoint-url", globalThis.location.origin, "--region", region, ...args].map(quoted).join(" ");
}

/** A command of our own. */
export function millstream(region: string, ...args: string[]): string {
  return ["millstream", ...args, "--endpoint-url", globalThis.location.origin, "--region", region].map(quoted).join(" ");
}
