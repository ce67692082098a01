import { Clock, Effect } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { isRequest, type RpcMessage } from "./Messages.ts"

/** Sees the messages of a connection over standard input and output. */
export interface MessageLog {
  readonly sent: (message: RpcMessage) => void
  readonly received: (message: RpcMessage) => void
}

/**
 * Logs each message at the level Debug: its method, and of an answer the result and the time. Never parameters or results, which
 * may hold secrets.
 */
export const makeMessageLog = (server: string): Effect.Effect<MessageLog> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const clock = yield* Clock.Clock
    const log = (text: string) => void Effect.runForkWith(context)(Effect.logDebug(`${server}: ${text}`))
    const pending = new Map<string | number, { readonly method: string; readonly at: number }>()
    return {
      sent: (message) => {
        if (!("method" in message)) return log("answer to a request of the server")
        if (isRequest(message))
          pending.set(message.id, { method: message.method, at: clock.currentTimeMillisUnsafe() })
        else log(message.method)
      },
      received: (message) => {
        if ("method" in message) return log(`${printable(message.method)} from the server`)
        const { id } = message
        const request = id === undefined || id === null ? undefined : pending.get(id)
        if (id === undefined || id === null || request === undefined) return log("an answer to no request")
        pending.delete(id)
        const took = `${Math.round(clock.currentTimeMillisUnsafe() - request.at)} ms`
        const result =
          "error" in message
            ? `error ${message.error.code} (${printable(message.error.message)})`
            : "answered"
        log(`${request.method} -> ${result} in ${took}`)
      }
    }
  })
