import { describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { CredentialStore } from "../../src/ports/CredentialStore.ts"
import * as Contract from "../../src/testing/CredentialStoreContract.ts"

export { exampleCredential as credentialWith } from "../../src/testing/Contract.ts"

/** Runs the contract of stores on a layer, which is built for each case. */
export const credentialStoreContract = <E>(name: string, layer: Layer.Layer<CredentialStore, E>): unknown =>
  describe(`the store contract on ${name}`, () => {
    it.live.each(Contract.credentialStoreContract)("$name", ({ run }) => run.pipe(Effect.provide(layer)))
  })
