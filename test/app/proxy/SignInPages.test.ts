import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { SessionSignIn } from "../../../src/app/proxy/SessionSignIn.ts"
import { SignInPages } from "../../../src/app/proxy/SignInPages.ts"
import { SignInRequired } from "../../../src/domain/SignInError.ts"
import { message } from "../../adapters/mcp/wire/WireWorld.ts"

const need = new SignInRequired({ server: "demo", why: "expired" })

/** Pages of a sign-in that a test ends. */
const pagesOf = Effect.gen(function* () {
  const ended = yield* Deferred.make<void, SignInRequired>()
  let ids = 0
  const signIn: SessionSignIn = {
    mayOpenBrowser: false,
    join: (_, show) =>
      Effect.andThen(show?.(new URL("https://as.example/authorize")) ?? Effect.void, Deferred.await(ended)),
    stop: Effect.void
  }
  const scope = yield* Effect.scope
  const pages = new SignInPages({
    signIn,
    ownId: () => `"own-${++ids}"`,
    scope,
    tell: () => Effect.void
  })
  return { pages, ended }
})

const call = (more: string) =>
  message(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","n":12345678901234567890${more}}}`
  )

describe("a request that comes again after the page of a sign-in", () => {
  for (const own of [
    "",
    ',"requestState":"\\u0073erver"',
    ',"inputResponses":{"city":{"action":"accept","n":1e400}},"requestState":"s"'
  ]) {
    it.effect(`has what it had for the server before: ${own}`, () =>
      Effect.gen(function* () {
        const { ended, pages } = yield* pagesOf
        const answer = yield* pages.show(need, call(own))
        assert.include(answer?.bytes.text(), '"requestState":"own-1"')
        const again = call(
          ',"inputResponses":{"mcp-cli-sign-in":{"action":"accept"},"city":{"action":"cancel"}},"requestState":"own-1"'
        )
        const resumed = pages.resume(again)
        const [, before = ""] = /"params":(.*)\}$/.exec(call(own).bytes.text()) ?? []
        const [, restored = ""] = /"params":(.*)\}$/.exec(resumed?.request.bytes.text() ?? "") ?? []
        assert.strictEqual(restored, before)
        yield* Deferred.succeed(ended, undefined)
        assert.isUndefined(yield* resumed?.ready ?? Effect.die("no"))
        assert.isUndefined(pages.resume(again), "only once")
      })
    )
  }

  it.effect(
    "comes again without a page while the sign-in takes longer than 45 seconds, and fails with it",
    () =>
      Effect.gen(function* () {
        const { ended, pages } = yield* pagesOf
        yield* pages.show(need, call(""))
        const resumed = pages.resume(call(',"requestState":"own-1"'))
        const waiting = yield* Effect.forkChild(resumed?.ready ?? Effect.die("no"))
        yield* TestClock.adjust("46 seconds")
        const answer = (yield* Fiber.join(waiting))?.bytes.text()
        assert.include(answer, '"resultType":"input_required","requestState":"own-2"')
        assert.notInclude(answer, "inputRequests")
        const last = pages.resume(call(',"requestState":"own-2"'))
        yield* Deferred.fail(ended, need)
        assert.strictEqual(yield* Effect.flip(last?.ready ?? Effect.die("no")), need)
      })
  )

  it.effect("is the server's if the state is not of a page", () =>
    Effect.gen(function* () {
      const { pages } = yield* pagesOf
      yield* pages.show(need, call(""))
      for (const state of ['"own-2"', '"server"', "7", "null", '["own-1"]'])
        assert.isUndefined(pages.resume(call(`,"requestState":${state}`)))
      assert.isUndefined(pages.resume(call("")))
    })
  )
})
