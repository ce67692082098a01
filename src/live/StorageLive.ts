import { homedir } from "node:os"
import { join } from "node:path"
import { Config, Context, Effect, Layer, Semaphore } from "effect"
import * as MemoryLock from "../adapters/lock/MemoryLock.ts"
import * as ProcessLock from "../adapters/lock/ProcessLock.ts"
import * as StorageChoiceFile from "../adapters/store/choice/StorageChoiceFile.ts"
import * as EncryptedFileStore from "../adapters/store/encrypted-file/EncryptedFileStore.ts"
import type { KeyringBackend } from "../adapters/store/keyring/KeyringName.ts"
import * as MemoryStore from "../adapters/store/memory/MemoryStore.ts"
import { Configuration, type ConfigurationError, type StorageSettings } from "../ports/Configuration.ts"
import { CredentialLock } from "../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../ports/CredentialStore.ts"
import { UserInteraction } from "../ports/UserInteraction.ts"
import type { SecretPrompt } from "../ports/SecretPrompt.ts"
import { type OpenStorage, StorageBackends } from "../ports/StorageBackends.ts"
import { type StorageBackend, Unavailable } from "../ports/StorageFailure.ts"

/** Our folder in the user's home. */
const home = Effect.map(Effect.orElseSucceed(Config.String("HOME"), homedir), (path) =>
  join(path, ".mcp_cli")
)

/** The keyring of an operating system. */
const keyrings: Partial<Record<NodeJS.Platform, KeyringBackend>> = {
  darwin: "keychain",
  win32: "windows",
  linux: "secretservice"
}

/** The choice of a backend, in the user's home. */
export const choices = Layer.unwrap(
  Effect.map(home, (folder) => StorageChoiceFile.layer({ directory: join(folder, "storage") }))
)

const processLock = Layer.unwrap(
  Effect.map(home, (folder) => ProcessLock.layer({ directory: join(folder, "locks") }))
)

/** The encrypted files of the user's home, and the way to give them another password. */
export const encryptedFiles = Layer.unwrap(
  Effect.gen(function* () {
    const { password } = yield* Configuration.use((file) => file.tokenStorage)
    return EncryptedFileStore.layer({ directory: join(yield* home, "tokens"), password })
  })
).pipe(Layer.provideMerge(processLock))

/** Each backend's store and lock. What only some machines need is loaded only there. */
const layerOf = Effect.fnUntraced(function* (
  backend: StorageBackend,
  { password, vault }: StorageSettings
): Effect.fn.Return<
  Layer.Layer<CredentialStore | CredentialLock, never, SecretPrompt>,
  StorageError,
  UserInteraction
> {
  const unavailable = (detail: string) => new StorageError({ reason: new Unavailable({ backend, detail }) })
  const folder = yield* home
  switch (backend) {
    case "memory":
      return Layer.merge(MemoryStore.layer, MemoryLock.layer)
    case "encrypted":
      return EncryptedFileStore.layer({ directory: join(folder, "tokens"), password }).pipe(
        Layer.provideMerge(processLock)
      )
    case "keychain":
    case "windows":
    case "secretservice": {
      if (keyrings[process.platform] !== backend) return yield* unavailable("it belongs to another system")
      const user = yield* UserInteraction
      const [KeyringProcess, KeyringStore] = yield* Effect.promise(() =>
        Promise.all([
          import("../adapters/store/keyring/KeyringProcess.ts"),
          import("../adapters/store/keyring/KeyringStore.ts")
        ])
      )
      const keyring = KeyringProcess.layer({
        backend,
        tell: user.present ? (line) => user.tell(line) : undefined
      })
      return KeyringStore.layer({ directory: join(folder, "storage", "names") }).pipe(
        Layer.provide(keyring),
        Layer.merge(processLock)
      )
    }
    case "vault": {
      if (vault === undefined) {
        return yield* unavailable("neither tokenStorage.vaultUrl nor VAULT_ADDR says where it is")
      }
      const VaultStore = yield* Effect.promise(() => import("../adapters/store/vault/VaultStore.ts"))
      return VaultStore.layer(vault).pipe(Layer.provide(processLock))
    }
  }
})

/** The backends of this machine, each opened when it is first asked for. */
export const backends: Layer.Layer<
  StorageBackends,
  ConfigurationError,
  Configuration | UserInteraction | SecretPrompt
> = Layer.effect(
  StorageBackends,
  Effect.gen(function* () {
    const settings = yield* Configuration.use((file) => file.tokenStorage)
    const context = yield* Effect.context<UserInteraction | SecretPrompt>()
    const scope = yield* Effect.scope
    const turn = Semaphore.makeUnsafe(1)
    const opened = new Map<StorageBackend, OpenStorage>()
    return StorageBackends.of({
      keyring: keyrings[process.platform],
      open: Effect.fn("StorageBackends.open")(
        function* (backend: StorageBackend) {
          const before = opened.get(backend)
          if (before !== undefined) return before
          const built = yield* Layer.buildWithScope(yield* layerOf(backend, settings), scope)
          const storage = {
            store: Context.get(built, CredentialStore),
            lock: Context.get(built, CredentialLock)
          }
          opened.set(backend, storage)
          return storage
        },
        turn.withPermit,
        Effect.provideContext(context)
      )
    })
  })
)
