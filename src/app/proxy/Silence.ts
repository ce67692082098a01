import { Duration, Effect } from "effect"
import { parsedAt, valueAt } from "../../domain/JsonMembers.ts"
import { idKeyOf, type JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import { advice } from "../../domain/Remedy.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { PendingRequest, PendingRequests } from "./PendingRequests.ts"
import { silenceLooks } from "./ProxyLimits.ts"

/** Requests whose response comes when something has happened, which may be in days. */
const waiting: ReadonlySet<string | undefined> = new Set(["subscriptions/listen", "tasks/result"])

/**
 * Finds requests about which the server has said nothing for too long: its stream is open, and may stay open for ever. What it says is
 * any message on the stream of the request, and progress of it on another one. A new connection to a stream does not count.
 *
 * Time does not count while the client owes the server an answer, and while the machine sleeps: looks are counted, not hours.
 */
export class Silence {
  readonly #server: string
  readonly #limit: number
  readonly #pending: PendingRequests
  /** Requests of the server that the client has not answered, by id, with the request on whose stream each came. */
  readonly #questions = new Map<string, PendingRequest>()

  /** @param limit milliseconds */
  constructor(server: string, limit: number, pending: PendingRequests) {
    this.#server = server
    this.#limit = limit
    this.#pending = pending
  }

  /** Takes note of a message of the server that is no response. */
  heard(message: JsonRpcMessage, expected: PendingRequest | undefined): void {
    if (expected !== undefined) expected.silentLooks = 0
    if (message.kind === "request") {
      if (expected !== undefined) this.#questions.set(message.idKey ?? "", expected)
      return
    }
    if (message.method === "notifications/cancelled") {
      const id = valueAt(message.raw("params"), "requestId")
      if (id !== undefined) this.#questions.delete(idKeyOf(id.text()))
    }
    if (message.method !== "notifications/progress" || expected !== undefined) return
    const token = parsedAt(message.raw("params"), "progressToken")
    if (token === undefined) return
    for (const pending of this.#pending.all) {
      const own = parsedAt(pending.request.raw("params"), "_meta", "progressToken")
      if (own === token) pending.silentLooks = 0
    }
  }

  /** Takes note of a response of the client. */
  answered(response: JsonRpcMessage): void {
    const key = response.idKey ?? ""
    const pending = this.#questions.get(key)
    this.#questions.delete(key)
    if (pending !== undefined) pending.silentLooks = 0
  }

  /** Ends each request that is silent for too long. */
  watch(end: (pending: PendingRequest, error: McpError) => Effect.Effect<void>): Effect.Effect<never> {
    const look = Effect.suspend(() => {
      const asking = new Set(this.#questions.values())
      const silent = [...this.#pending.all].filter((pending) => {
        if (pending.silentLooks === undefined || waiting.has(pending.request.method)) return false
        return !asking.has(pending) && ++pending.silentLooks > silenceLooks
      })
      return Effect.forEach(silent, (pending) => end(pending, this.#error), { discard: true })
    })
    return Effect.forever(Effect.andThen(Effect.sleep(this.#limit / silenceLooks), look))
  }

  get #error(): McpError {
    return new McpError({
      server: this.#server,
      detail: `it has said nothing about this request for ${Duration.format(Duration.millis(this.#limit))}. The request was cancelled.`,
      remedies: [
        advice("If it needs longer, add --timeout SECONDS to the command of the proxy; 0 means no limit.")
      ]
    })
  }
}
