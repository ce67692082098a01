import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import { ProxySession } from "../../../src/app/proxy/ProxySession.ts"
import { type JsonRpcMessage, jsonRpcMessage } from "../../../src/domain/JsonRpcMessage.ts"
import type { Wire } from "../../../src/ports/McpWire.ts"

/** Lets every fiber run until it waits. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

/** A wire that loses its first session, and opens another one when `opened` is done. */
const losingWire = Effect.gen(function* () {
  const log: Array<string> = []
  const lost = yield* Deferred.make<void>()
  const opened = yield* Deferred.make<void>()
  let session: string | undefined = "first"
  const answer = (message: JsonRpcMessage) => jsonRpcMessage({ result: {} }).withId(message.id ?? "null")
  const wire: Wire<never> = {
    session: () => (session === undefined ? undefined : { id: session, protocolVersion: "2024-11-05" }),
    post: (message, deliver) =>
      Effect.gen(function* () {
        log.push(`${message.method} in ${session}`)
        if (message.method === "initialize") {
          session = undefined
          yield* Deferred.await(opened)
          session = "second"
        }
        if (message.kind === "request") yield* deliver(answer(message))
        return message.kind === "request" ? { _tag: "Answered" } : { _tag: "Accepted" }
      }),
    listen: () => {
      const id = session ?? "none"
      log.push(`listens to ${id}`)
      return id === "first"
        ? Effect.as(Deferred.await(lost), { _tag: "SessionLost", session: id })
        : Effect.never
    }
  }
  return { wire, log, lost, opened }
})

describe("a session of a proxy whose stream has ended", () => {
  it.effect("is opened once, has one listener, and gets the messages that came meanwhile", () =>
    Effect.gen(function* () {
      const { log, lost, opened, wire } = yield* losingWire
      const session = new ProxySession({
        server: "demo",
        wire,
        deliver: () => Effect.void,
        tell: (error) => Effect.die(error),
        prefix: "own-",
        scope: yield* Effect.scope
      })
      session.accepted(jsonRpcMessage({ method: "initialize" }).withId("0"))
      yield* session.start(jsonRpcMessage({ method: "notifications/initialized" }), {})
      yield* settle
      log.length = 0
      // Sessions that end soon after they began are opened again later.
      yield* TestClock.adjust("1 hour")
      yield* Deferred.succeed(lost, undefined)
      yield* settle
      const request = jsonRpcMessage({ method: "tools/list" }).withId("1")
      yield* Effect.forkScoped(session.send(request, () => Effect.void))
      yield* Effect.forkScoped(session.renew("first"))
      yield* settle
      assert.deepStrictEqual(log, ["initialize in first"])
      yield* Deferred.succeed(opened, undefined)
      yield* settle
      assert.deepStrictEqual(log.toSorted(), [
        "initialize in first",
        "listens to second",
        "notifications/initialized in second",
        "tools/list in second"
      ])
    })
  )
})
