import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ScriptedUser } from "../../../src/adapters/scripted/ScriptedUser.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { AccessTokens } from "../../../src/app/tokens/AccessTokens.ts"
import { SignIn } from "../../../src/app/signin/SignIn.ts"
import * as TypedAccounts from "../../../src/app/signin/TypedAccounts.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { CredentialStore } from "../../../src/ports/CredentialStore.ts"
import { credentialWith } from "../../contract/CredentialStoreContract.ts"
import { serverNamed, world } from "../World.ts"

const server = serverNamed("notion")
const get = (account?: string) => AccessTokens.use((tokens) => tokens.get({ server, account }))
const signIn = (account?: string) => SignIn.use((service) => service.signIn({ server, account }))
const visits = ScriptedUser.use(({ opened }) => Effect.succeed(opened.length))

/** A program at whose command line accounts are typed. */
const typed = (options: Parameters<typeof world>[0] = {}) =>
  world({ ...options, accountCheck: TypedAccounts.layer })

describe("a token of an account that is not stored", () => {
  it.effect("is refused with the accounts that are, and no sign-in starts", () =>
    Effect.gen(function* () {
      yield* signIn("work")
      yield* signIn()
      const before = yield* visits
      const error = yield* Effect.flip(get("wrok"))
      assert.strictEqual(error._tag, "UnknownAccount")
      assert.strictEqual(
        errorText(error),
        [
          "No account wrok of notion is stored. Stored: default and work.",
          "Did you mean work?",
          "To sign in to wrok, run: mcp-cli auth login notion --account wrok"
        ].join("\n")
      )
      assert.strictEqual(yield* visits, before)
      yield* get("work")
      // Only a sign-in that the user requests makes another account.
      yield* signIn("wrok")
      yield* get("wrok")
    }).pipe(Effect.provide(typed()))
  )

  it.effect("is what the first sign-in to a server is for", () =>
    Effect.gen(function* () {
      const store = yield* CredentialStore
      // What is stored under the name for another server, and of other servers, is no account of this one.
      yield* store.put(CredentialKey.of("linear", "home"), credentialWith("x"))
      const elsewhere = new Credential({ ...credentialWith("y"), resource: "https://other.test/mcp" })
      yield* store.put(CredentialKey.of("notion", "theirs"), elsewhere)
      yield* get("work")
      assert.strictEqual(yield* visits, 1)
      // The default account needs no name, so it is no typing error.
      yield* get()
      assert.strictEqual(yield* visits, 2)
    }).pipe(Effect.provide(typed()))
  )

  it.effect("says so too where no user is present, and not where no account is stored", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(get("work")))._tag, "SignInRequired")
      const store = yield* CredentialStore
      const stored = new Credential({ ...credentialWith("x"), resource: server.url.href })
      yield* store.put(CredentialKey.of("notion", "home"), stored)
      const error = yield* Effect.flip(get("work"))
      assert.strictEqual(error.message, "No account work of notion is stored. Stored: home.")
    }).pipe(Effect.provide(typed({ present: false })))
  )

  it.effect("is signed in for a program that names accounts itself", () =>
    Effect.gen(function* () {
      yield* signIn("a")
      yield* get("b")
      assert.strictEqual(yield* visits, 2)
    }).pipe(Effect.provide(world()))
  )
})
