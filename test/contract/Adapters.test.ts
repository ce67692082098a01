import { join } from "node:path"
import { describe } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import * as MemoryLock from "../../src/adapters/lock/MemoryLock.ts"
import * as ProcessLock from "../../src/adapters/lock/ProcessLock.ts"
import * as EncryptedFileStore from "../../src/adapters/store/encrypted-file/EncryptedFileStore.ts"
import * as KeyringProcess from "../../src/adapters/store/keyring/KeyringProcess.ts"
import { spawnChild } from "../../src/adapters/store/keyring/KeyringStart.ts"
import * as KeyringStore from "../../src/adapters/store/keyring/KeyringStore.ts"
import * as MemoryStore from "../../src/adapters/store/memory/MemoryStore.ts"
import type { KeyringBackend } from "../../src/adapters/store/keyring/KeyringName.ts"
import { byResource } from "../../src/app/storage/CredentialPlaces.ts"
import { CredentialLock } from "../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../src/ports/CredentialStore.ts"
import { SecretPrompt } from "../../src/ports/SecretPrompt.ts"
import type { StorageBackendName } from "../../src/ports/StorageBackend.ts"
import { inProcessKeyring } from "../adapters/store/keyring/InProcessKeyring.ts"
import { scriptedKeyring } from "../adapters/store/keyring/ScriptedKeyring.ts"
import { overDouble } from "../adapters/store/vault/VaultWorld.ts"
import { temporaryFolder } from "../adapters/TemporaryFolder.ts"
import { hasSecretService, startSecretService } from "../servers/SecretService.ts"
import { credentialLockContract } from "./CredentialLockContract.ts"
import { credentialStoreContract } from "./CredentialStoreContract.ts"

const nobody = Layer.succeed(SecretPrompt, { ask: () => Effect.succeedNone })

const encryptedFiles = Layer.unwrap(
  Effect.map(temporaryFolder, (directory) =>
    EncryptedFileStore.layer({
      directory: join(directory, "tokens"),
      password: Redacted.make("correct horse")
    }).pipe(Layer.provide(Layer.merge(nobody, MemoryLock.layer)))
  )
)

const processLock = Layer.unwrap(
  Effect.map(temporaryFolder, (directory) => ProcessLock.layer({ directory: join(directory, "locks") }))
)

const vaultContracts = () => {
  for (const [name, mountPoint] of [
    ["Vault with key-value version 1", "kv"],
    ["Vault with key-value version 2", "secret"]
  ] as const) {
    credentialStoreContract(`${name}, as a double`, overDouble({ mountPoint }))
    credentialLockContract(`${name}, as a double`, overDouble({ mountPoint }))
  }
}

const keyringDoubleContract = (name: string, backend: KeyringBackend, os: "darwin" | "win32") => {
  const keyring = Layer.unwrap(Effect.sync(() => inProcessKeyring(backend, scriptedKeyring(os).package)))
  credentialStoreContract(
    `${name}, as a double`,
    Layer.unwrap(
      Effect.map(temporaryFolder, (directory) =>
        KeyringStore.layer({ directory: join(directory, "names") }).pipe(Layer.provide(keyring))
      )
    )
  )
}

const secretServiceContract = () => {
  describe.skipIf(!hasSecretService)("with a keyring (needs dbus and gnome-keyring)", () => {
    const service = Layer.unwrap(
      Effect.gen(function* () {
        const started = yield* Effect.acquireRelease(
          Effect.promise(() => startSecretService()),
          (running) => Effect.promise(() => running.close())
        )
        return KeyringStore.layer({ directory: join(yield* temporaryFolder, "names") }).pipe(
          Layer.provide(
            KeyringProcess.layer({
              backend: "secretservice",
              start: (backend) => spawnChild(backend, { ...process.env, ...started.env })
            })
          )
        )
      })
    )
    credentialStoreContract("the Secret Service", service)
  })
}

/** A backend without a contract does not type-check. */
const contracts: Readonly<Record<StorageBackendName, () => void>> = {
  memory: () => credentialStoreContract("memory", MemoryStore.layer),
  encrypted: () => credentialStoreContract("encrypted files", encryptedFiles),
  vault: vaultContracts,
  keychain: () => keyringDoubleContract("the Keychain of macOS", "keychain", "darwin"),
  windows: () => keyringDoubleContract("the Credential Manager of Windows", "windows", "win32"),
  secretservice: secretServiceContract
}
for (const contract of Object.values(contracts)) contract()

// What finds records by name and resource stores everything as the store below it does.
const memoryByResource = Layer.effectContext(
  Effect.gen(function* () {
    const placed = byResource({ store: yield* CredentialStore, lock: yield* CredentialLock })
    return Context.make(CredentialStore, placed.store).pipe(Context.add(CredentialLock, placed.lock))
  })
).pipe(Layer.provide(Layer.merge(MemoryStore.layer, MemoryLock.layer)))
credentialStoreContract("memory, by resource", memoryByResource)
credentialLockContract("memory, by resource", memoryByResource)

// The locks of the backends that have none of their own.
credentialLockContract("memory", MemoryLock.layer)
credentialLockContract("processes", processLock)
