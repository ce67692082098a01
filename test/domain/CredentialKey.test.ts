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

describe("a record beside the first one of its name", () => {
  const one = "https://one.example.com/mcp"
  const other = "https://other.example.com/mcp"

  it("has a name that no server and no account has, and that never changes", () => {
    const beside = CredentialKey.of("notion", "work").beside(one)
    assert.strictEqual(beside.storageName, "notion@work~b87cbbc347ed84aa")
    assert.notStrictEqual(CredentialKey.of("notion~b87cbbc347ed84aa", "work").storageName, beside.storageName)
    assert.notStrictEqual(CredentialKey.of("notion", "work").beside(other).storageName, beside.storageName)
  })

  it.prop("is read back from its name", [Name, Name], ([server, resource]) => {
    if (!wellFormed(server) || !wellFormed(resource)) return
    const key = CredentialKey.of(server).beside(resource)
    assert.deepEqual(CredentialKey.fromStorageName(key.storageName), Option.some(key))
  })

  it("is of one resource only", () => {
    const beside = CredentialKey.of("notion").beside(one)
    assert.deepStrictEqual([beside.mayHold(one), beside.mayHold(other)], [true, false])
  })

  it("is another key than that of a server, whose name stays the documented one", () => {
    const key = CredentialKey.of("notion", "work", one)
    assert.strictEqual(key.storageName, "notion@work")
    assert.notDeepEqual(key, CredentialKey.of("notion", "work", other))
    assert.notStrictEqual(key.identity, CredentialKey.of("notion", "work", other).identity)
  })
})
