import { assert, describe, it } from "@effect/vitest"
import { scriptedKeyring, troubles } from "./ScriptedKeyring.ts"

const service = "mcp-cli-oauth"
const pinned = { linux: { store: "secret-service" } } as const

/** What it throws, with the code of the package. */
const thrown = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.instanceOf(error, Error)
    return `${(error as Error & { code?: string }).code ?? "-"}: ${(error as Error).message}`
  }
  return "nothing"
}

describe("the scripted keyring", () => {
  it.each(["darwin", "win32", "linux"] as const)("of %s keeps, gives back and forgets", (os) => {
    const { entries, package: keyring, script } = scriptedKeyring(os)
    const entry = new keyring.Entry(service, "notion", pinned)
    assert.isNull(entry.getSecret())
    assert.isNull(entry.getPassword())
    assert.isFalse(entry.deleteCredential())
    const backing = Uint8Array.of(9, 1, 2, 255)
    entry.setSecret(backing.subarray(1))
    backing.fill(0)
    assert.deepStrictEqual(entry.getSecret(), [1, 2, 255])
    assert.deepStrictEqual([...entries], [["notion", Uint8Array.of(1, 2, 255)]])
    assert.strictEqual(
      thrown(() => entry.getPassword()),
      "GenericFailure: Password data is not valid UTF-8"
    )
    entry.setPassword("é🦊\u0000")
    assert.strictEqual(entry.getPassword(), "é🦊\u0000")
    assert.isTrue(entry.deletePassword())
    assert.strictEqual(entries.size, 0)
    assert.deepStrictEqual(script.misuses, [])
    assert.strictEqual(script.calls.at(-1)?.call, "deletePassword")
  })

  it("has the limits of Windows there, and there alone", () => {
    const windows = scriptedKeyring("win32")
    const entry = new windows.package.Entry(service, "notion")
    entry.setSecret(new Uint8Array(2560))
    entry.setPassword("x".repeat(1280))
    assert.strictEqual(
      thrown(() => entry.setSecret(new Uint8Array(2561))),
      "GenericFailure: Value of 'secret' is longer than the platform limit of 2560 chars"
    )
    assert.strictEqual(
      thrown(() => entry.setPassword("x".repeat(1281))),
      "GenericFailure: Value of 'password encoded as UTF-16' is longer than the platform limit of 2560 chars"
    )
    assert.strictEqual(
      thrown(() => new windows.package.Entry(service, "é".repeat(257))),
      "GenericFailure: Value of 'user' is longer than the platform limit of 513 chars"
    )
    assert.strictEqual(windows.entries.get("notion")?.length, 2560)
    for (const os of ["darwin", "linux"] as const) {
      const other = scriptedKeyring(os)
      new other.package.Entry(service, "é".repeat(257), pinned).setSecret(new Uint8Array(16_384))
      assert.strictEqual(other.entries.size, 1)
    }
  })

  it("folds names on Windows alone", () => {
    const windows = scriptedKeyring("win32")
    new windows.package.Entry(service, "Notion").setSecret(Uint8Array.of(1))
    new windows.package.Entry(service, "nOTION").setSecret(Uint8Array.of(2))
    assert.deepStrictEqual([...windows.entries], [["Notion", Uint8Array.of(2)]])
    const mac = scriptedKeyring("darwin")
    new mac.package.Entry(service, "Notion").setSecret(Uint8Array.of(1))
    assert.isNull(new mac.package.Entry(service, "notion").getSecret())
  })

  it("takes no empty names on macOS", () => {
    const mac = scriptedKeyring("darwin").package
    assert.strictEqual(
      thrown(() => new mac.Entry("", "notion")),
      "GenericFailure: Value of 'service' is invalid: cannot be empty"
    )
    assert.strictEqual(
      thrown(() => new mac.Entry(service, "")),
      "GenericFailure: Value of 'user' is invalid: cannot be empty"
    )
  })

  it("fails the calls it was told to, as often as it was told to, and does nothing in them", () => {
    const { entries, package: keyring, script } = scriptedKeyring("darwin")
    script.fail(troubles.darwin.canceled, { call: "setSecret", account: "notion", after: 1, times: 1 })
    const entry = new keyring.Entry(service, "notion")
    const set = (value: number) => thrown(() => entry.setSecret(Uint8Array.of(value)))
    assert.deepStrictEqual(
      [set(1), set(2), set(3)],
      ["nothing", "GenericFailure: Platform failure: User canceled the operation.", "nothing"]
    )
    new keyring.Entry(service, "linear").setSecret(Uint8Array.of(4))
    script.fail(troubles.darwin.noInteraction)
    assert.match(
      thrown(() => new keyring.Entry(service, "notion")),
      /User interaction is not allowed\.$/
    )
    assert.match(
      thrown(() => entry.deleteCredential()),
      /User interaction is not allowed\.$/
    )
    assert.strictEqual(entries.size, 2)
  })

  it("says on macOS that it removed what it was not let remove", () => {
    const { entries, package: keyring, script } = scriptedKeyring("darwin")
    const entry = new keyring.Entry(service, "notion")
    script.refuseRemoval("notion")
    assert.isFalse(entry.deleteCredential())
    entry.setSecret(Uint8Array.of(1))
    assert.isTrue(entry.deleteCredential())
    assert.isTrue(entries.has("notion"))
  })

  it.each<readonly [string, (keyring: ReturnType<typeof scriptedKeyring>) => unknown]>([
    ["another service", ({ package: { Entry } }) => new Entry("mcp", "notion", pinned)],
    ["no store", ({ package: { Entry } }) => new Entry(service, "notion")],
    ["an empty bag", ({ package: { Entry } }) => new Entry(service, "notion", {})],
    [
      "another store",
      // @ts-expect-error: it may not be chosen
      ({ package: { Entry } }) => new Entry(service, "notion", { linux: { store: "keyutils" } })
    ],
    // @ts-expect-error: an account is a string
    ["a number for an account", ({ package: { Entry } }) => new Entry(service, 1, pinned)],
    [
      "a text for bytes",
      // @ts-expect-error: a secret is bytes
      ({ package: { Entry } }) => new Entry(service, "notion", pinned).setSecret("text")
    ],
    [
      "an array for bytes",
      // @ts-expect-error: a secret is bytes
      ({ package: { Entry } }) => new Entry(service, "notion", pinned).setSecret([1, 2])
    ],
    // @ts-expect-error: we use none but Entry
    ["a function it has not", ({ package: keyring }) => keyring.findCredentials(service)],
    // @ts-expect-error: we name no targets
    ["a constructor it has not", ({ package: { Entry } }) => Entry.withTarget("t", service, "notion")],
    [
      "a method it has not",
      // @ts-expect-error: there is none
      ({ package: { Entry } }) => new Entry(service, "notion", pinned).getAttributes()
    ],
    ["what another platform says", ({ script }) => script.fail(troubles.darwin.canceled)]
  ])("does not put up with %s", (_, use) => {
    const keyring = scriptedKeyring("linux")
    assert.match(
      thrown(() => use(keyring)),
      /^-: The scripted keyring \(linux\) was misused: /
    )
    assert.strictEqual(keyring.script.misuses.length, 1)
  })

  it("may be imported as a module is", async () => {
    const { package: keyring, script } = scriptedKeyring("darwin")
    assert.strictEqual(await Promise.resolve(keyring), keyring)
    assert.deepStrictEqual(script.misuses, [])
  })
})
