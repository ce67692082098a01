import type { Remediable, Remedy } from "../../domain/Remedy.ts"

/** What is examined, in the order in which a sign-in needs it. */
export const checks = [
  "proxy",
  "server",
  "clock",
  "challenge",
  "metadata",
  "provider",
  "issuer",
  "resource",
  "scopes",
  "registration",
  "PKCE",
  "DPoP",
  "PAR",
  "redirect",
  "token endpoint",
  "sign-in",
  "storage"
] as const

/** One of {@link checks}. */
export type Check = (typeof checks)[number]

/** The result of one check. */
export interface Verdict {
  /** `note`: neither good nor bad. `skipped`: an earlier check failed. */
  readonly status: "ok" | "wrong" | "note" | "skipped"
  /** What was found, without a final full stop; never a secret. */
  readonly what: string
  /** What can be done about it, best first. */
  readonly remedies: ReadonlyArray<Remedy>
}

/** One line of an examination. */
export interface Finding extends Verdict {
  /** `configuration`: it cannot be used, so there is nothing else to examine. */
  readonly check: Check | "configuration"
}

/** Nothing to do. */
export const ok = (what: string): Verdict => ({ status: "ok", what, remedies: [] })

/** Neither good nor bad. */
export const note = (what: string, ...remedies: ReadonlyArray<Remedy>): Verdict => ({
  status: "note",
  what,
  remedies
})

/** A problem, and what fixes it. */
export const wrong = (what: string, ...remedies: ReadonlyArray<Remedy>): Verdict => ({
  status: "wrong",
  what,
  remedies
})

/** The problem that an error describes. */
export const wrongBy = ({ message, remedies }: Remediable): Verdict =>
  wrong(
    message.replace(/\.$/, ""),
    // This is what that command finds.
    ...remedies.filter((remedy) => remedy._tag !== "Command" || remedy.verb !== "auth doctor")
  )

/** What a check finds that this server gives no reason for. */
export const notNeeded = "not needed"

/** A check that an earlier problem makes impossible. */
export const skipped: Verdict = {
  status: "skipped",
  what: "not checked, because an earlier check failed",
  remedies: []
}
