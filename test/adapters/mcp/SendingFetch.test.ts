import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { answerLimit } from "../../../src/adapters/mcp/AnswerLimit.ts"
import { Operations } from "../../../src/adapters/mcp/Operations.ts"
import { makeSendingFetch } from "../../../src/adapters/mcp/SendingFetch.ts"
import type { McpError } from "../../../src/ports/McpConnector.ts"
import { httpServer } from "./McpWorld.ts"

const url = "https://mcp.test/mcp"
const limit = answerLimit(httpServer(new URL(url)))
const reason = new DOMException("stop", "AbortError")

/** What a promise rejects with. */
const rejection = (promise: Promise<unknown>) => {
  const rejected = promise.then(
    () => assert.fail("it was fulfilled"),
    (error: unknown) => error
  )
  return Effect.promise(() => rejected)
}

describe("a request of the SDK that is aborted", () => {
  it.effect("is not sent where that was before it started", () =>
    Effect.gen(function* () {
      let sent = 0
      const send = () => Effect.sync(() => void sent++).pipe(Effect.as(new Response()))
      const { fetch } = yield* makeSendingFetch(send, new Operations<McpError>(), limit)
      assert.strictEqual(
        yield* rejection(Promise.resolve(fetch(url, { signal: AbortSignal.abort(reason) }))),
        reason
      )
      assert.strictEqual(sent, 0)
    })
  )

  it.effect("rejects with the reason, and leaves the server as it was", () =>
    Effect.gen(function* () {
      const sending = yield* Deferred.make<void>()
      const send = () => Effect.andThen(Deferred.succeed(sending, undefined), Effect.never)
      const { fetch, isAuthorized } = yield* makeSendingFetch(send, new Operations<McpError>(), limit)
      const controller = new AbortController()
      const aborted = rejection(Promise.resolve(fetch(url, { signal: controller.signal })))
      yield* Deferred.await(sending)
      controller.abort(reason)
      assert.strictEqual(yield* aborted, reason)
      assert.isTrue(isAuthorized())
    })
  )
})
