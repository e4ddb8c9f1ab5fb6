//! A stream's mode in words.

export function modeText(mode: string | undefined): string {
  return mode === "ON_DEMAND" ? "On demand" : mode === "PROVISIONED" ? "Provisioned" : "–";
}
