import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { CredentialKey } from "../../src/domain/CredentialKey.ts"

const Name = Schema.NonEmptyString
const wellFormed = (text: string) => text.toWellFormed() === text

describe("the name that a credential is stored under", () => {
  it.prop("is one that every file system takes, and no path", [Name, Name], ([server, account]) => {
    const { storageName } = CredentialKey.of(server, account)
    assert.match(storageName, /^[a-z0-9_%@.-]+$/)
    assert.isFalse(storageName.startsWith("."))
    assert.notMatch(storageName, /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/)
  })

  it.prop("tells any two keys apart, where upper and lower case are one too", [Name, Name], ([a, b]) => {
    if (a === b || !wellFormed(a) || !wellFormed(b)) return
    const names = [CredentialKey.of(a), CredentialKey.of(b), CredentialKey.of(a, b), CredentialKey.of(b, a)]
    assert.strictEqual(new Set(names.map(({ storageName }) => storageName.toLowerCase())).size, 4)
  })

  it.prop("is read back", [Name, Name], ([server, account]) => {
    if (!wellFormed(server) || !wellFormed(account)) return
    const key = CredentialKey.of(server, account)
    assert.deepEqual(CredentialKey.fromStorageName(key.storageName), Option.some(key))
  })

  it("is the plain name for a plain name", () => {
    assert.strictEqual(CredentialKey.of("notion").storageName, "notion")
    assert.strictEqual(CredentialKey.of("notion", "work").storageName, "notion@work")
  })

  it.each(["", "@", "a@b@c", "Notion", "a%zz", "../x", "a%2f", "%61"])("is never %s", (name) => {
    const read = CredentialKey.fromStorageName(name)
    assert.isTrue(Option.isNone(read) || read.value.storageName === name)
  })
})
