import { join } from "node:path"
import { Effect, Layer } from "effect"
import { assert, describe, it } from "vitest"
import type { KeyringBackend } from "../../src/adapters/store/keyring/KeyringName.ts"
import * as KeyringProcess from "../../src/adapters/store/keyring/KeyringProcess.ts"
import * as KeyringStore from "../../src/adapters/store/keyring/KeyringStore.ts"
import { temporaryFolder } from "../adapters/TemporaryFolder.ts"
import { credentialStoreContract } from "./CredentialStoreContract.ts"

/** The keyring of whoever runs this; entries of other names than the tests' are not touched. */
const backend: KeyringBackend | undefined =
  process.env["TEST_KEYRING"] === undefined
    ? undefined
    : { darwin: "keychain" as const, win32: "windows" as const, linux: "secretservice" as const }[
        process.platform as string
      ]

if (backend !== undefined) {
  credentialStoreContract(
    `the keyring of this machine (${backend})`,
    Layer.unwrap(
      Effect.gen(function* () {
        const directory = join(yield* temporaryFolder, "names")
        const keyring = KeyringProcess.layer({ backend })
        const store = KeyringStore.layer({ directory }).pipe(Layer.provide(keyring))
        return store
      })
    )
  )
}

describe("the keyring of this machine", () => {
  it("is left alone unless TEST_KEYRING says otherwise", () => {
    assert.strictEqual(backend === undefined, process.env["TEST_KEYRING"] === undefined)
  })
})
