import type { KeyringFault } from "./KeyringFault.ts"

/**
 * What the process that speaks to the keyring is asked, one JSON object a line. Secrets are base64. `expect` says what
 * will probably be asked for, and has no answer.
 */
export type KeyringRequest =
  | KeyringExpectation
  | { readonly op: "get" | "remove"; readonly account: string }
  | { readonly op: "set"; readonly account: string; readonly secret: string }

/** An account that will probably be asked for. */
export interface KeyringExpectation {
  readonly op: "expect"
  readonly account: string
}

/**
 * What it says, one JSON object a line: that it runs; and for each request that the keyring has been reached (at least
 * once), then the answer.
 */
export type KeyringMessage =
  | { readonly tag: "ready" }
  | { readonly tag: "connected" }
  | { readonly tag: "answer"; readonly answer: string | boolean | null }
  | { readonly tag: "fault"; readonly fault: KeyringFault }

/** Calls `take` for each whole line of a stream of text. */
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
