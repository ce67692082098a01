import { join } from "node:path"
import { Context, Data, Duration, Effect, Layer, LayerMap, Option } from "effect"
import * as MemoryLock from "../adapters/lock/MemoryLock.ts"
import * as ProcessLock from "../adapters/lock/ProcessLock.ts"
import { configuredHome } from "../adapters/platform/ConfiguredHome.ts"
import { dataFolder } from "../adapters/platform/HomeFolder.ts"
import * as KnownRevisionsFolder from "../adapters/store/names/KnownRevisionsFolder.ts"
import * as KnownSignInNeedsFolder from "../adapters/store/names/KnownSignInNeedsFolder.ts"
import * as KnownNamesFolder from "../adapters/store/names/KnownNamesFolder.ts"
import * as ApprovalFolder from "../adapters/store/approval/ApprovalFolder.ts"
import * as BearerFolder from "../adapters/store/bearers/BearerFolder.ts"
import * as OpeningsFolder from "../adapters/store/openings/OpeningsFolder.ts"
import * as StorageChoiceFile from "../adapters/store/choice/StorageChoiceFile.ts"
import * as EncryptedFileStore from "../adapters/store/encrypted-file/EncryptedFileStore.ts"
import type { KeyringBackend } from "../adapters/store/keyring/KeyringName.ts"
import * as MemoryStore from "../adapters/store/memory/MemoryStore.ts"
import {
  Configuration,
  type ConfigurationError,
  hasVaultCredentials,
  type StorageSettings,
  type VaultSettings
} from "../ports/Configuration.ts"
import { advice } from "../domain/Remedy.ts"
import { isSecureUrl } from "../domain/SecureUrl.ts"
import { ChosenStorage } from "../app/storage/ChosenStorage.ts"
import { ChatHistory } from "../ports/ChatHistory.ts"
import { CredentialLock } from "../ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../ports/CredentialStore.ts"
import { UserInteraction } from "../ports/UserInteraction.ts"
import { SealedTexts } from "../ports/SealedTexts.ts"
import type { SecretPrompt } from "../ports/SecretPrompt.ts"
import { type StorageBackend, storageBackends, type StorageBackendName } from "../ports/StorageBackend.ts"
import { StorageBackends } from "../ports/StorageBackends.ts"
import type { BackendAddress } from "../ports/StorageChoice.ts"
import { Unavailable } from "../ports/StorageFailure.ts"

/** The folder of sign-ins and locks. Absent: the folder of mcp-cli in the user's home. */
export const Home = Context.Reference<string | undefined>("mcp-cli-oauth/live/StorageLive/Home", {
  defaultValue: () => undefined
})

/** {@link Home}, or the default. */
export const homeFolder = Effect.flatMap(Home, (chosen) =>
  chosen === undefined ? Effect.map(configuredHome, dataFolder) : Effect.succeed(chosen)
)

/** The keyring of an operating system. */
export const keyrings: Partial<Record<NodeJS.Platform, KeyringBackend>> = {
  darwin: "keychain",
  win32: "windows",
  linux: "secretservice"
}

/** The choice of the backend, in the user's home. */
export const choices = Layer.unwrap(
  Effect.map(homeFolder, (folder) => StorageChoiceFile.layer({ directory: join(folder, "storage") }))
)

/** What completions know without a server and a store, and the revisions that servers speak. */
export const knownNames = Layer.unwrap(
  Effect.map(homeFolder, (folder) => {
    const directory = join(folder, "names")
    return Layer.mergeAll(
      KnownNamesFolder.layer({ directory, sealed: join(folder, "tokens") }),
      KnownRevisionsFolder.layer(directory),
      KnownSignInNeedsFolder.layer(directory)
    )
  })
)

/** The configurations that the user has approved, in the user's home. */
export const approvals = Layer.unwrap(
  Effect.map(homeFolder, (folder) => ApprovalFolder.layer({ directory: join(folder, "trusted") }))
)

/** The definitions of tools that a model was given, in the user's home. Loaded only by conversations. */
export const toolPins = Layer.unwrap(
  Effect.gen(function* () {
    const folder = yield* homeFolder
    const PinFolder = yield* Effect.promise(() => import("../adapters/store/pins/PinFolder.ts"))
    return PinFolder.layer(join(folder, "tools"))
  })
)

/** The conversations of the user, if the configuration keeps them. Encrypted where the sign-ins are encrypted files. */
export const chatHistory = Layer.effect(
  ChatHistory,
  Effect.gen(function* () {
    const isOn = yield* Configuration.use(({ keepsHistory }) => keepsHistory)
    if (!isOn) return yield* ChatHistory
    const storage = yield* ChosenStorage
    const folder = yield* homeFolder
    const { chatFolder } = yield* Effect.promise(() => import("../adapters/store/chats/ChatFolder.ts"))
    return chatFolder({
      directory: join(folder, "chats"),
      unlock: Effect.flatMap(storage.open, ({ store }) => store.unlock),
      sealed: Effect.map(storage.open, ({ sealedTexts }) => sealedTexts)
    })
  })
)

/** The bearer tokens of local programs, in the user's home. */
export const proxyBearers = Layer.unwrap(
  Effect.map(homeFolder, (folder) => BearerFolder.layer({ directory: join(folder, "proxy") }))
)

/** When browsers were opened for sign-ins that no user had asked for, in the user's home. */
export const browserOpenings = (mayOpen: boolean) =>
  Layer.unwrap(
    Effect.map(homeFolder, (folder) =>
      OpeningsFolder.layer({ directory: join(folder, "proxy", "opened"), mayOpen })
    )
  )

/**
 * The locks, beside what they protect. No folder or file is named after a lock or a cache: clean-up scripts remove those, and
 * a lock whose file is gone excludes no other process.
 */
const processLock = Layer.unwrap(
  Effect.map(homeFolder, (folder) => ProcessLock.layer({ directory: join(folder, "storage", "in-use") }))
)

/** The encrypted files in the user's home, and the service that changes their password. */
export const encryptedFiles = Layer.unwrap(
  Effect.gen(function* () {
    const { password } = yield* Configuration.use((file) => file.tokenStorage)
    return EncryptedFileStore.layer({ directory: join(yield* homeFolder, "tokens"), password })
  })
).pipe(Layer.provideMerge(processLock))

/** The store and the lock of each backend. Code that only some machines need is loaded there only. */
const layerOf = Effect.fnUntraced(function* (
  backend: StorageBackendName,
  { password, vault: named, vaultWithoutUrl }: StorageSettings,
  remembered: BackendAddress | undefined
): Effect.fn.Return<
  Layer.Layer<CredentialStore | CredentialLock, never, SecretPrompt>,
  StorageError,
  UserInteraction
> {
  const vault = named ?? vaultAt(remembered, vaultWithoutUrl)
  const unavailable = (detail: string) =>
    new StorageError({ reason: new Unavailable({ backend: storageBackends[backend], detail }) })
  const folder = yield* homeFolder
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
      const [KeyringOverBus, KeyringProcess, KeyringStore] = yield* Effect.promise(() =>
        Promise.all([
          import("../adapters/store/keyring/KeyringOverBus.ts"),
          import("../adapters/store/keyring/KeyringProcess.ts"),
          import("../adapters/store/keyring/KeyringStore.ts")
        ])
      )
      const byProcess = KeyringProcess.layer({
        backend,
        tell: user.present ? (line) => user.tell(line) : undefined
      })
      const keyring =
        backend === "secretservice" ? KeyringOverBus.layer().pipe(Layer.provide(byProcess)) : byProcess
      return KeyringStore.layer({ directory: join(folder, "storage", "names") }).pipe(
        Layer.provide(keyring),
        Layer.merge(processLock)
      )
    }
    case "vault": {
      if (vault === undefined) {
        const before = remembered === undefined ? "" : `, and it was at ${remembered.url} when it was chosen`
        return yield* unavailable(`neither tokenStorage.vaultUrl nor VAULT_ADDR says where it is${before}`)
      }
      const VaultStore = yield* Effect.promise(() => import("../adapters/store/vault/VaultStore.ts"))
      const user = yield* UserInteraction
      return VaultStore.layer(vault, (line) => user.tell(line)).pipe(Layer.provide(processLock))
    }
  }
})

/**
 * Vault where it was when it was chosen. Only an address of the user's environment is used again: the token of the
 * environment is not for an address that a file in some folder named.
 */
const vaultAt = (
  remembered: BackendAddress | undefined,
  others: StorageSettings["vaultWithoutUrl"]
): VaultSettings | undefined => {
  if (remembered?.isFromEnvironment !== true || others === undefined) return undefined
  const urls = remembered.url.split(",").map((address) => URL.parse(address))
  const [url, ...otherUrls] = urls.filter((found): found is URL => found !== null && isSecureUrl(found))
  if (url === undefined || otherUrls.length + 1 < urls.length) return undefined
  const namespace = others.namespace ?? remembered.namespace
  return { ...others, url, otherUrls, isUrlFromEnvironment: true, namespace }
}

/** The address of Vault, to remember with the choice. */
const addressOf = ({
  isUrlFromEnvironment,
  namespace,
  ofFolder,
  otherUrls = [],
  url
}: VaultSettings): BackendAddress => ({
  url: [url, ...otherUrls].map(({ origin }) => origin).join(","),
  ...(namespace === undefined || ofFolder?.namespace === true ? {} : { namespace }),
  isFromEnvironment: isUrlFromEnvironment === true
})

/** A backend whose name this version does not know, as in a choice that a newer version made. */
const unknown = (name: string): StorageBackend => ({
  name,
  label: `the backend ${name}`,
  lockScope: "machine",
  lasting: true,
  hints: { unavailable: [advice("Upgrade mcp-cli, or name another backend.")], locked: [] }
})

const isKnown = (name: string): name is StorageBackendName => Object.hasOwn(storageBackends, name)

/** A backend to open, by value. */
class Opening extends Data.Class<{
  readonly backend: StorageBackendName
  readonly remembered: BackendAddress | undefined
}> {}

/** The backends of this machine. Each is opened when it is first needed. */
export const backends: Layer.Layer<
  StorageBackends,
  ConfigurationError,
  Configuration | UserInteraction | SecretPrompt
> = Layer.effect(
  StorageBackends,
  Effect.gen(function* () {
    const settings = yield* Configuration.use((file) => file.tokenStorage)
    const keyring = keyrings[process.platform]
    const opened = yield* LayerMap.make(
      ({ backend, remembered }: Opening) => Layer.unwrap(layerOf(backend, settings, remembered)),
      { idleTimeToLive: Duration.infinity }
    )
    return StorageBackends.of({
      automatic: {
        addressed:
          settings.vault === undefined
            ? undefined
            : {
                backend: storageBackends.vault,
                hasCredentials: hasVaultCredentials(settings.vault.auth),
                isOfFolder: settings.vault.ofFolder?.url === true
              },
        keyring: keyring === undefined ? undefined : storageBackends[keyring],
        fallback: storageBackends.encrypted
      },
      open: Effect.fn("StorageBackends.open")(function* (name: string, remembered?: BackendAddress) {
        if (!isKnown(name)) {
          const detail = "this version of mcp-cli does not know it"
          return yield* new StorageError({ reason: new Unavailable({ backend: unknown(name), detail }) })
        }
        const vault = settings.vault ?? vaultAt(remembered, settings.vaultWithoutUrl)
        const context = yield* opened.contextEffect(
          new Opening({
            backend: name,
            remembered: name === "vault" && settings.vault === undefined ? remembered : undefined
          })
        )
        return {
          store: Context.get(context, CredentialStore),
          lock: Context.get(context, CredentialLock),
          ...Option.match(Context.getOption(context, SealedTexts), {
            onNone: () => ({}),
            onSome: (sealedTexts) => ({ sealedTexts })
          }),
          ...(name === "vault" && vault !== undefined ? { address: addressOf(vault) } : {})
        }
      }, Effect.scoped)
    })
  })
)
