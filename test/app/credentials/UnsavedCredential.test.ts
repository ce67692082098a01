import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import {
  unsavedCredential,
  unsavedDecision,
  winnerOver
} from "../../../src/app/credentials/UnsavedCredential.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { Credential } from "../../../src/domain/Credential.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"

const credential = (generation: number, accessToken: string) =>
  new Credential({
    resource: "https://notion.test/mcp",
    issuer: "https://as.test",
    tokenEndpoint: "https://as.test/token",
    registration: new DynamicRegistration({
      clientId: "c",
      authenticationMethod: "none",
      redirectUri: "http://localhost:8080/callback"
    }),
    tokens: new TokenSet({ accessToken: Redacted.make(accessToken), tokenType: "bearer", obtainedAt: 0 }),
    grantedScopes: [],
    generation
  })
const before = credential(4, "before")
const mine = credential(5, "mine")
const first = credential(1, "mine")

describe("a credential that could not be stored", () => {
  const replacing = unsavedCredential(mine, before)
  const ofNothing = unsavedCredential(first, undefined)
  /** Memory dropped the record before the write failed. */
  const ofUnknown = unsavedCredential(mine, undefined)
  it.each([
    ["replaces a record that is still there", before, replacing, "Store"],
    ["replaces a record that has lost its tokens", before.withoutTokens, replacing, "Store"],
    ["has arrived in the store", mine, replacing, "Stored"],
    ["yields to another sign-in", credential(1, "other"), replacing, "Superseded"],
    ["yields to another refresh", credential(5, "other"), replacing, "Superseded"],
    ["yields to a sign-out", undefined, replacing, "Superseded"],
    ["is the first one", undefined, ofNothing, "Store"],
    ["yields to another first one", credential(1, "other"), ofNothing, "Superseded"],
    ["yields to another first one without tokens", before.withoutTokens, ofNothing, "Superseded"],
    ["replaces the generation before it", before, ofUnknown, "Store"],
    ["yields to its own generation", credential(5, "other"), ofUnknown, "Superseded"],
    ["yields to a sign-out of what memory dropped", undefined, ofUnknown, "Superseded"]
  ])("%s", (_, stored, unsaved, decision) => {
    assert.strictEqual(unsavedDecision(stored, unsaved), decision)
  })
})

describe("a credential whose lock was lost before it was stored", () => {
  const client = new Credential({ ...before.withoutTokens, isUnused: true, generation: 1 })
  it.each<[string, Credential | undefined, isSignIn: boolean, Credential | undefined]>([
    ["goes over what it replaces", before, false, undefined],
    ["yields to other tokens", credential(5, "other"), false, credential(5, "other")],
    ["yields to a sign-out", undefined, false, mine.withoutTokens],
    ["yields to the client of a sign-in that failed after a sign-out", client, false, client],
    ["goes over a record that has lost its tokens", before.withoutTokens, false, undefined],
    ["of a sign-in goes over nothing", undefined, true, undefined],
    ["of a sign-in goes over a client alone", client, true, undefined],
    ["of a sign-in goes over a record that has lost its tokens", before.withoutTokens, true, undefined]
  ])("%s", (_, stored, isSignIn, winner) => {
    assert.deepStrictEqual(winnerOver(mine, stored, before, isSignIn), winner)
  })
})
