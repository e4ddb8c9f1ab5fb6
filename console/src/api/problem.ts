//! What went wrong with a call, in words and kinds that pages can act on.

/** Kinds of failure. */
export type ProblemKind =
  /** No answer came: the server is away, or is starting. */
  | "away"
  /** The key may not do this. */
  | "denied"
  /** The key is not known, or its secret is wrong. */
  | "signed-out"
  /** What was asked about is not there. */
  | "gone"
  /** Too much at once. */
  | "throttled"
  /** The request is not right. */
  | "invalid"
  /** The server failed. */
  | "failed";

export interface Problem {
  kind: ProblemKind;
  /** AWS's name of the error, where there is one. */
  name: string;
  message: string;
  /** The permission that is missing, and for what, where the message says so. */
  permission?: string;
  resource?: string;
}

const SIGNED_OUT = [
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "MissingAuthenticationTokenException",
  "IncompleteSignatureException",
  "InvalidClientTokenId",
  "SignatureDoesNotMatch",
  "IncompleteSignature",
];
const GONE = ["ResourceNotFoundException", "ResourceNotFound", "ResourceNotFoundFault"];
const THROTTLED = [
  "ProvisionedThroughputExceededException",
  "ThrottlingException",
  "Throttling",
  "LimitExceededException",
  "KMSThrottlingException",
  "RequestLimitExceeded",
];
const DENIED = ["AccessDeniedException", "AccessDenied"];

/** Reads whatever a call threw. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof Error)) return { kind: "failed", name: "", message: String(error) };
  const { name, message } = error;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  // Where no answer came, Chromium, Firefox and Safari say so in a TypeError, and the SDK in a TimeoutError.
  const isUnanswered = name === "TypeError" && /failed to fetch|networkerror|load failed|network connection/i.test(message);
  if (status === undefined && (isUnanswered || name === "TimeoutError" || name === "NetworkingError")) {
    return { kind: "away", name, message: "The server does not answer." };
  }
  if (SIGNED_OUT.includes(name)) return { kind: "signed-out", name, message };
  if (DENIED.includes(name)) return { kind: "denied", name, message, ...whatIsMissing(message) };
  if (GONE.includes(name)) return { kind: "gone", name, message };
  if (THROTTLED.includes(name)) return { kind: "throttled", name, message };
  const isServers = status !== undefined && status >= 500;
  return { kind: isServers || status === undefined ? "failed" : "invalid", name, message };
}

/** AWS's sentence: `… is not authorized to perform: ACTION on resource: ARN because …`. */
function whatIsMissing(message: string): { permission?: string; resource?: string } {
  const match = /not authorized to perform: (\S+)(?: on resource: (\S+))?/.exec(message);
  return { ...(match?.[1] && { permission: match[1] }), ...(match?.[2] && { resource: match[2] }) };
}

/** Whether a call was given up because nobody waits for it any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
