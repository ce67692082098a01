import type { KeyringFault } from "./KeyringFault.ts"

/** A request to the keyring process, one JSON object per line. Secrets are base64. */
export type KeyringRequest =
  | { readonly op: "get" | "remove"; readonly account: string }
  /** Every entry of a service, which `account` names here. The answer is JSON: {@link FoundEntry}. */
  | { readonly op: "find"; readonly account: string }
  | { readonly op: "set"; readonly account: string; readonly secret: string }

/** An entry of another program's service. */
export interface FoundEntry {
  readonly account: string
  readonly password: string
}

/**
 * A message of the keyring process, one JSON object per line: `ready` once; then for each request `connected`, at least
 * once, when the keyring was reached, and an answer or a fault.
 */
export type KeyringMessage =
  | { readonly tag: "ready" }
  | { readonly tag: "connected" }
  | { readonly tag: "answer"; readonly answer: string | boolean | null }
  | { readonly tag: "fault"; readonly fault: KeyringFault }

/** Calls `take` for each complete line of a stream of text. */
export const lines = (take: (line: string) => void): ((chunk: string) => void) => {
  let rest = ""
  return (chunk) => {
    rest += chunk
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 1)
      take(line)
    }
  }
}
