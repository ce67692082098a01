import { describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { CredentialLock } from "../../src/ports/CredentialLock.ts"
import * as Contract from "../../src/testing/CredentialLockContract.ts"

/** Runs the contract of locks on a layer, which is built for each case. */
export const credentialLockContract = <E>(name: string, layer: Layer.Layer<CredentialLock, E>): unknown =>
  describe(`the lock contract on ${name}`, () => {
    it.live.each(Contract.credentialLockContract)("$name", ({ run }) => run.pipe(Effect.provide(layer)))
  })
