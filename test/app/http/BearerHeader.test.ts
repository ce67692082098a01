import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { bearerHeader, bearerToken } from "../../../src/app/http/BearerHeader.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"

const plain = new TokenSet({ accessToken: Redacted.make("secret"), tokenType: "bearer", obtainedAt: 0 })
const bound = new TokenSet({ ...plain, tokenType: "dpop", dpopKey: Redacted.make("{}") })

describe("a token for a plain header", () => {
  it.effect("is the access token", () =>
    Effect.gen(function* () {
      const token = yield* bearerToken(plain, { server: "demo" })
      assert.strictEqual(bearerHeader(token), "Bearer secret")
    })
  )

  it.effect("is refused where it is bound to a key, with what to do instead", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(bearerToken(bound, { server: "demo", account: "work" }))
      assert.strictEqual(error._tag, "TokenBoundToKey")
      assert.match(
        errorText(error),
        /^The tokens of demo \(work\) are bound to a key \(DPoP\)[^]*remove "dpop"[^]*sign in again\.$/
      )
      assert.notInclude(error.message, "secret")
    })
  )
})
