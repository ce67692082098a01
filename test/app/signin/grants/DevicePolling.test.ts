import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { errorText } from "../../../../src/app/cli/RemedyText.ts"
import { poll } from "../../../../src/app/signin/grants/DevicePolling.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import type { DeviceCode } from "../../../../src/ports/DeviceAuthorization.ts"
import {
  InvalidClient,
  Transient,
  Refused,
  type TokenFailure,
  TokenRequestError
} from "../../../../src/ports/TokenEndpoint.ts"

const code = (about: Partial<DeviceCode> = {}): DeviceCode => ({
  deviceCode: Redacted.make("the device code"),
  userCode: "WDJB-MJHT",
  verificationUri: new URL("https://as.test/device"),
  verificationUriComplete: undefined,
  expiresAt: 900_000,
  interval: 5000,
  ...about
})

const refused = (error: string) => new Refused({ error })
const pending = refused("authorization_pending")
const away = new Transient({ detail: "the connection was refused" })

/** Polls with these answers, the last of them for good, and tells at which seconds it asked and how it ended. */
const polled = (
  answers: ReadonlyArray<TokenFailure | "tokens">,
  about: Partial<DeviceCode> = {},
  key = CredentialKey.of("notion")
) =>
  Effect.gen(function* () {
    const asked: Array<number> = []
    const ask = Effect.gen(function* () {
      asked.push((yield* Clock.currentTimeMillis) / 1000)
      const answer = answers[asked.length - 1] ?? answers.at(-1)
      if (answer === "tokens" || answer === undefined) return "tokens"
      return yield* new TokenRequestError({ server: "notion", origin: "https://as.test", reason: answer })
    })
    const polling = yield* Effect.forkChild(
      Effect.gen(function* () {
        const ended = yield* Effect.result(poll(key, code(about), ask))
        return { ended, at: (yield* Clock.currentTimeMillis) / 1000 }
      })
    )
    yield* TestClock.adjust("1 day")
    return { asked, ...(yield* Fiber.join(polling)) }
  })

describe("asking for the tokens of a device code", () => {
  it.effect("waits before the first request, and then until the user has approved", () =>
    Effect.gen(function* () {
      const { asked, ended } = yield* polled([pending, pending, "tokens"])
      assert.deepEqual(asked, [5, 10, 15])
      assert.deepEqual(ended, Result.succeed("tokens"))
    })
  )

  it.effect.each([
    ["the server's interval", [pending, pending, "tokens"], { interval: 7000 }, [7, 14, 21]],
    [
      "five seconds more from each slow_down on",
      [pending, refused("slow_down"), pending, refused("slow_down"), pending, "tokens"],
      {},
      [5, 10, 20, 30, 45, 60]
    ],
    [
      "twice as long after each request that nobody answered, and as before once somebody does",
      [away, away, away, pending, "tokens"],
      {},
      [5, 15, 35, 75, 80]
    ],
    [
      "never longer than a minute for that",
      [away, away, away, away, away, "tokens"],
      {},
      [5, 15, 35, 75, 135, 195]
    ],
    ["an interval of more than a minute all the same", [away, "tokens"], { interval: 90_000 }, [90, 180]],
    [
      "what the server asks to wait at least",
      [new Transient({ detail: "HTTP 503", retryAfter: 42_000 }), pending, "tokens"],
      {},
      [5, 47, 52]
    ],
    [
      "no less than it otherwise would where the server asks for less",
      [new Transient({ detail: "HTTP 429", retryAfter: 1000 }), "tokens"],
      {},
      [5, 15]
    ],
    [
      "what slow_down added, also after a failure",
      [refused("slow_down"), away, pending, "tokens"],
      {},
      [5, 15, 35, 45]
    ]
  ] as const)("waits %s", ([, answers, about, times]) =>
    Effect.gen(function* () {
      const { asked, ended } = yield* polled(answers, about)
      assert.deepEqual(asked, [...times])
      assert.isTrue(Result.isSuccess(ended))
    })
  )

  it.effect("ends with the code, and asks no more then", () =>
    Effect.gen(function* () {
      const { asked, at, ended } = yield* polled([pending], { expiresAt: 20_000 })
      assert.deepEqual(asked, [5, 10, 15])
      assert.strictEqual(at, 20)
      if (Result.isSuccess(ended)) return assert.fail("it went well")
      assert.deepInclude(ended.failure, {
        _tag: "SignInTimedOut",
        server: "notion",
        account: "default",
        seconds: 20
      })
      assert.strictEqual(
        errorText(ended.failure),
        "The code for notion was not approved within 20 seconds and has expired.\nTo get another code, run: mcp-cli auth login notion --device"
      )
    })
  )

  it.effect("ends with the code though the server asks to wait beyond it", () =>
    Effect.gen(function* () {
      const { asked, at } = yield* polled([new Transient({ detail: "HTTP 503", retryAfter: 3_600_000 })], {
        expiresAt: 60_000
      })
      assert.deepEqual(asked, [5])
      assert.strictEqual(at, 60)
    })
  )

  it.effect("takes the server's word that the code has ended", () =>
    Effect.gen(function* () {
      const key = CredentialKey.of("notion", "work")
      const { at, ended } = yield* polled([pending, refused("expired_token")], {}, key)
      assert.strictEqual(at, 10)
      if (Result.isSuccess(ended)) return assert.fail("it went well")
      assert.deepInclude(ended.failure, { _tag: "SignInTimedOut", account: "work", seconds: 10 })
      assert.include(errorText(ended.failure), "mcp-cli auth login notion --account work --device")
    })
  )

  it.effect.each(["access_denied", "authorization_declined"])("ends at %s", (error) =>
    Effect.gen(function* () {
      const denied = new Refused({ error, description: "The user said no" })
      const { asked, ended } = yield* polled([pending, denied])
      assert.deepEqual(asked, [5, 10])
      if (Result.isSuccess(ended)) return assert.fail("it went well")
      assert.deepInclude(ended.failure, {
        _tag: "SignInRefused",
        error: "access_denied",
        description: "The user said no"
      })
      assert.match(errorText(ended.failure), /run: mcp-cli auth login notion --device$/)
    })
  )

  it.effect.each([refused("invalid_request"), new InvalidClient()])("ends at $_tag as it is", (reason) =>
    Effect.gen(function* () {
      const { asked, ended } = yield* polled([reason])
      assert.deepEqual(asked, [5])
      if (Result.isSuccess(ended)) return assert.fail("it went well")
      assert.deepInclude(ended.failure, { _tag: "TokenRequestError", reason })
    })
  )

  it.effect("passes on whatever else fails, as when tokens cannot be stored", () =>
    Effect.gen(function* () {
      const ask = Effect.fail("the store is locked" as const)
      const polling = yield* Effect.forkChild(Effect.flip(poll(CredentialKey.of("notion"), code(), ask)))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(polling), "the store is locked")
    })
  )

  it.effect("keeps tokens that come after the code has ended", () =>
    Effect.gen(function* () {
      const ask = Effect.as(Effect.sleep("15 seconds"), "tokens" as const)
      const polling = yield* Effect.forkChild(
        poll(CredentialKey.of("notion"), code({ expiresAt: 10_000 }), ask)
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(polling), "tokens")
    })
  )
})
