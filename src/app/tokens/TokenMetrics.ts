import { Metric } from "effect"

/** A step of getting a token that is traced and counted. */
export type Operation = "store" | "refresh" | "sign_in" | "step_up"

/** The names of span and metric attributes. None of them ever carries a secret. */
export const attribute = {
  /** Name of the server in the configuration. Spans only: a process may know any number of servers. */
  server: "mcp.oauth.server",
  /** Pseudonym of the server and account. Spans only. */
  account: "mcp.oauth.account",
  operation: "mcp.oauth.operation",
  /** `refresh_token`, or the grant that needs no user. */
  renewal: "mcp.oauth.renewal",
  /** Why a sign-in is needed. */
  reason: "mcp.oauth.reason",
  /** `usable`, `stale`, `unanswered`, `sign_in_needed`, `failed` or `interrupted`. Spans only. */
  outcome: "mcp.oauth.outcome",
  /** The tag of the failure, by the OpenTelemetry convention. */
  errorType: "error.type"
} as const

/** Attributes of a span or metric. */
export type Attributes = Readonly<Record<string, string>>

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

const refreshes = counter("mcp.oauth.refreshes", "Renewals that ended with new tokens, by kind of renewal")
const signIns = counter("mcp.oauth.sign_ins", "Sign-ins that ended with tokens, by reason")
const failures = counter("mcp.oauth.failures", "Failed operations, by operation and kind of failure")

const successes: { readonly [O in Operation]: Metric.Counter<number> | undefined } = {
  // Reads are frequent, and the store has metrics of its own.
  store: undefined,
  refresh: refreshes,
  sign_in: signIns,
  step_up: signIns
}

/** The counter for a success of an operation. None for a read of the store. */
export const successesOf = (
  operation: Operation,
  attributes: Attributes
): Metric.Counter<number> | undefined => {
  const metric = successes[operation]
  return metric && Metric.withAttributes(metric, attributes)
}

/** The counter for a failure of an operation. */
export const failuresOf = (operation: Operation, errorType: string): Metric.Counter<number> =>
  Metric.withAttributes(failures, {
    [attribute.operation]: operation,
    [attribute.errorType]: errorType
  })
