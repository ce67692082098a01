import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { join } from "node:path"
import type { KeyringBackend } from "../../../../src/adapters/store/keyring/KeyringName.ts"
import { faultOf } from "../../../../src/adapters/store/keyring/KeyringFault.ts"
import * as KeyringStore from "../../../../src/adapters/store/keyring/KeyringStore.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import type { StorageFailure } from "../../../../src/ports/StorageFailure.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import { mountSmallDisk, noSmallDisk } from "../../../servers/SmallDisk.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"
import { inProcessKeyring } from "./InProcessKeyring.ts"
import { type ScriptedKeyring, scriptedKeyring, troubles } from "./ScriptedKeyring.ts"

const notion = CredentialKey.of("notion")

const over = (keyring: ScriptedKeyring, backend: KeyringBackend) =>
  Layer.unwrap(
    Effect.map(temporaryFolder, (directory) =>
      KeyringStore.layer({ directory: join(directory, "names") }).pipe(
        Layer.provide(inProcessKeyring(backend, keyring.package))
      )
    )
  )

const meanings: ReadonlyArray<
  readonly [StorageFailure["_tag"], KeyringBackend, "darwin" | "win32" | "linux", ReadonlyArray<string>]
> = [
  [
    "Denied",
    "keychain",
    "darwin",
    [
      "Platform failure: User canceled the operation.",
      "Platform failure: The user name or passphrase you entered is not correct.",
      "Platform failure: The specified item already exists in the keychain.",
      "Couldn't access platform storage: This keychain cannot be modified."
    ]
  ],
  [
    "Locked",
    "keychain",
    "darwin",
    [
      "Platform failure: User interaction is not allowed.",
      "Platform failure: User interaction is required, but is currently not allowed."
    ]
  ],
  [
    "Unavailable",
    "keychain",
    "darwin",
    [
      "Platform failure: A default keychain could not be found.",
      "Couldn't access platform storage: No keychain is available. You may need to restart your computer.",
      "Couldn't access platform storage: The specified keychain could not be found."
    ]
  ],
  [
    "BackendError",
    "keychain",
    "darwin",
    ["Couldn't access platform storage: The specified keychain is not a valid keychain file."]
  ],
  [
    "Unavailable",
    "windows",
    "win32",
    ["Couldn't access platform storage: Windows ERROR_NO_SUCH_LOGON_SESSION"]
  ],
  ["Denied", "windows", "win32", ["Platform failure: Windows error code 5"]],
  ["Unsupported", "windows", "win32", ["Platform failure: Windows error code 1783"]],
  ["Locked", "secretservice", "linux", [troubles.linux.dismissed]],
  ["Unavailable", "secretservice", "linux", [troubles.linux.noCollection, troubles.linux.noBus]]
]

describe("credentials in a keyring", () => {
  it.effect.each(
    meanings.flatMap(([tag, backend, os, texts]) => texts.map((text) => [tag, text, backend, os] as const))
  )("are %s where it says %s", ([tag, text, backend, os]) => {
    const keyring = scriptedKeyring(os)
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      yield* store.put(notion, credentialWith("kept"))
      keyring.script.fail(text)
      assert.strictEqual((yield* Effect.flip(store.get(notion))).reason._tag, tag)
      assert.deepStrictEqual(keyring.script.misuses, [])
    }).pipe(Effect.provide(over(keyring, backend)))
  })

  it.each([
    "Cannot find native binding. npm has a bug related to optional dependencies",
    "Cannot find package '@napi-rs/keyring' imported from /usr/lib/mcp-cli/KeyringChild.cjs"
  ])(
    "have no keyring, and go elsewhere, where the package or its part for the system was left out: %s",
    (text) => {
      assert.strictEqual(faultOf(new Error(text)).tag, "Unavailable")
    }
  )

  it("have the texts of every trouble that is known", () => {
    const known = new Set(meanings.flatMap(([, , , texts]) => texts))
    const missing = [...Object.values(troubles.darwin), ...Object.values(troubles.win32)].filter(
      (text) => !known.has(text) && !/ERROR_|is invalid|longer than|is matched by|malformed|UTF-8/.test(text)
    )
    assert.deepStrictEqual(missing, [])
  })

  it.effect("that macOS keeps although it says that it has removed them are not said to be gone", () => {
    const keyring = scriptedKeyring("darwin")
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      yield* store.put(notion, credentialWith("kept"))
      keyring.script.refuseRemoval("notion")
      assert.strictEqual((yield* Effect.flip(store.remove(notion))).reason._tag, "Denied")
      assert.deepStrictEqual(yield* store.list, [notion])
    }).pipe(Effect.provide(over(keyring, "keychain")))
  })

  it.effect("that are larger than an entry of Windows are kept in several, and leave none behind", () => {
    const keyring = scriptedKeyring("win32")
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      yield* store.put(notion, credentialWith("x".repeat(16_384)))
      assert.isAbove(keyring.entries.size, 10)
      assert.isTrue(Option.isSome(yield* store.get(notion)))
      keyring.entries.set("notion#a.3", new Uint8Array(10))
      assert.strictEqual((yield* Effect.flip(store.get(notion))).reason._tag, "Corrupt")
      yield* store.put(notion, credentialWith("short"))
      assert.isTrue(yield* store.remove(notion))
      assert.strictEqual(keyring.entries.size, 0)
      assert.deepStrictEqual(keyring.script.misuses, [])
    }).pipe(Effect.provide(over(keyring, "windows")))
  })

  it.effect("that are too large for the keyring are refused, and the old ones stay", () => {
    const keyring = scriptedKeyring("win32")
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      yield* store.put(notion, credentialWith("kept"))
      const error = yield* Effect.flip(store.put(notion, credentialWith("x".repeat(200_000))))
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.isTrue(Option.isSome(yield* store.get(notion)))
    }).pipe(Effect.provide(over(keyring, "windows")))
  })

  it.effect("of a name that is too long for the names beside it are refused", () => {
    const keyring = scriptedKeyring("win32")
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      const long = CredentialKey.of("x".repeat(600))
      const error = yield* Effect.flip(store.put(long, credentialWith("kept")))
      assert.include(error.message, "too long")
      assert.strictEqual(keyring.entries.size, 0)
    }).pipe(Effect.provide(over(keyring, "windows")))
  })

  it.effect("that are no record of ours, or another server's, are damaged", () => {
    const keyring = scriptedKeyring("darwin")
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      keyring.entries.set("notion", new TextEncoder().encode("hunter2"))
      const foreign = yield* Effect.flip(store.get(notion))
      assert.strictEqual(foreign.reason._tag, "Corrupt")
      assert.notInclude(foreign.message, "hunter2")
      yield* store.put(CredentialKey.of("linear"), credentialWith("of linear"))
      keyring.entries.set("notion", keyring.entries.get("linear") ?? new Uint8Array())
      assert.strictEqual((yield* Effect.flip(store.get(notion))).reason._tag, "Corrupt")
    }).pipe(Effect.provide(over(keyring, "keychain")))
  })

  it.effect("of a newer version are left alone", () => {
    const keyring = scriptedKeyring("darwin")
    return Effect.gen(function* () {
      const store = yield* CredentialStore
      keyring.entries.set(
        "notion",
        new TextEncoder().encode(`{"format":"mcp-cli-oauth credential","version":2}`)
      )
      assert.strictEqual((yield* Effect.flip(store.get(notion))).reason._tag, "NewerVersion")
    }).pipe(Effect.provide(over(keyring, "keychain")))
  })
})

describe.skipIf(noSmallDisk !== undefined)(`a full home disk (${noSmallDisk ?? "a tmpfs"})`, () => {
  it.effect("is found before a refresh token is sent, although the keyring may be elsewhere", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryFolder, "names")
      const disk = yield* Effect.acquireRelease(
        Effect.sync(() => mountSmallDisk(directory)),
        ({ close }) => Effect.sync(close)
      )
      const context = yield* Layer.build(
        KeyringStore.layer({ directory }).pipe(
          Layer.provide(inProcessKeyring("keychain", scriptedKeyring("darwin").package))
        )
      )
      const { list, put, reserve } = Context.get(context, CredentialStore)
      if (reserve === undefined) return assert.fail("it reserves nothing")
      const credential = credentialWith("first")
      yield* put(notion, credential)
      for (const fill of [() => disk.fillInodes(0), () => disk.fillBlocks(10)]) {
        fill()
        const { message } = yield* Effect.flip(Effect.scoped(reserve(notion, credential)))
        assert.include(message, "no space left on the disk")
        disk.free()
        yield* Effect.scoped(reserve(notion, credential))
      }
      assert.deepEqual(yield* list, [notion])
    })
  )
})
