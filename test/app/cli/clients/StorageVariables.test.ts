import { Redacted } from "effect"
import { assert, describe, it } from "vitest"
import { neededVariables } from "../../../../src/app/cli/clients/StorageVariables.ts"
import type { StorageSettings } from "../../../../src/ports/Configuration.ts"

const settings = (of: Partial<StorageSettings> = {}): StorageSettings => ({
  backend: "auto",
  password: undefined,
  vault: undefined,
  ...of
})
const url = "https://vault.example"
const namesOf = (...of: Parameters<typeof neededVariables>) => neededVariables(...of)?.variables
const vault = { password: [], vault: ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT"] }

describe("what a storage needs from the environment", () => {
  it("is the variable of the password of encrypted files", () => {
    const inUse = { backend: "encrypted" }
    assert.deepStrictEqual(namesOf(inUse, settings(), "MCP_CLI_ENCRYPTION_KEY_FILE"), [
      "MCP_CLI_ENCRYPTION_KEY_FILE"
    ])
    const password = Redacted.make("hunter2hunter2")
    assert.isUndefined(namesOf(inUse, settings({ password }), "MCP_CLI_ENCRYPTION_KEY"))
    const variables = { password: ["MY_PASSWORD"], vault: ["VAULT_TOKEN"] }
    assert.deepStrictEqual(namesOf(inUse, settings({ password, variables }), "MCP_CLI_ENCRYPTION_KEY"), [
      "MY_PASSWORD"
    ])
  })

  it("is every variable of Vault that was read, but for what is remembered", () => {
    const inUse = { backend: "vault" }
    const given = settings({ variables: vault })
    assert.deepStrictEqual(namesOf(inUse, given, "X"), vault.vault)
    assert.deepStrictEqual(
      namesOf({ ...inUse, address: { url, isFromEnvironment: false } }, given, "X"),
      vault.vault
    )
    const address = { url, isFromEnvironment: true }
    assert.deepStrictEqual(namesOf({ ...inUse, address }, given, "X"), [
      "VAULT_TOKEN",
      "VAULT_NAMESPACE",
      "VAULT_CACERT"
    ])
    assert.deepStrictEqual(namesOf({ ...inUse, address: { ...address, namespace: "team" } }, given, "X"), [
      "VAULT_TOKEN",
      "VAULT_CACERT"
    ])
    assert.isUndefined(namesOf(inUse, settings(), "X"))
  })

  it("is nothing for a keyring, or memory", () => {
    for (const backend of ["secretservice", "keychain", "windows", "memory"]) {
      assert.isUndefined(namesOf({ backend }, settings({ variables: vault }), "X"))
    }
  })
})
