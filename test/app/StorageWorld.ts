import { Context, Duration, Effect, Layer, Option } from "effect"
import * as MemoryLock from "../../src/adapters/lock/MemoryLock.ts"
import * as MemoryStore from "../../src/adapters/store/memory/MemoryStore.ts"
import * as ChosenStorage from "../../src/app/storage/ChosenStorage.ts"
import * as StorageMove from "../../src/app/storage/StorageMove.ts"
import {
  Configuration,
  hasVaultCredentials,
  type StorageSettings,
  type VaultSettings
} from "../../src/ports/Configuration.ts"
import { noModelSettings } from "../../src/ports/ModelSettings.ts"
import { CredentialLock } from "../../src/ports/CredentialLock.ts"
import { CredentialStore, StorageError } from "../../src/ports/CredentialStore.ts"
import { UserInteraction } from "../../src/ports/UserInteraction.ts"
import {
  type StorageBackend,
  storageBackends,
  type StorageBackendName
} from "../../src/ports/StorageBackend.ts"
import { type OpenStorage, StorageBackends } from "../../src/ports/StorageBackends.ts"
import { type StorageChoice, StorageChoices } from "../../src/ports/StorageChoice.ts"
import { type StorageFailure, Unavailable } from "../../src/ports/StorageFailure.ts"

/** A Vault that is set up. */
export const someVault: VaultSettings = {
  url: new URL("https://vault.test"),
  mountPoint: "secret",
  pathPrefix: "mcp-cli/oauth",
  namespace: undefined,
  kvVersion: undefined,
  auth: { method: "approle", mount: "approle", roleId: "role", secretId: undefined },
  tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
}

/** What a test sees and does of a machine with several backends. */
export class Machine extends Context.Service<
  Machine,
  {
    /** The store of a backend, past the choice. */
    readonly store: (backend: string) => CredentialStore["Service"]
    /** The choice, as it is remembered. */
    readonly choice: Effect.Effect<StorageChoice | undefined>
    readonly choose: (choice: StorageChoice) => Effect.Effect<void>
    /** What was said to the user. */
    readonly said: ReadonlyArray<string>
    /** The backends whose locks were taken, in their order. */
    readonly locked: ReadonlyArray<string>
    /** The same, each with the name of the record. */
    readonly lockedKeys: ReadonlyArray<string>
  }
>()("test/Machine") {}

/** The machine, and every program on it: each has the choice and the backends in common, and nothing else. */
export interface MachineOptions {
  readonly backend?: StorageSettings["backend"]
  readonly vault?: VaultSettings
  /** Backends from outside the project. The first one is set up with an address and credentials. */
  readonly outside?: ReadonlyArray<StorageBackend>
  /** Absent: the system has no keyring. */
  readonly keyring?: StorageBackendName
  /** What is wrong with a backend: with everything, or with writing alone. */
  readonly broken?: {
    readonly backend: string
    readonly reason: StorageFailure
    readonly onlyWrites?: boolean
  }
  /** A backend that cannot be opened: nothing says where it is. */
  readonly absent?: StorageBackendName
  /** A server whose record in the encrypted files cannot be read, until another is put there. */
  readonly damaged?: { readonly server: string; readonly reason: StorageFailure }
  /** A backend that the first record sets up. */
  readonly isNew?: string
  /** A backend that keeps nothing of what is put there. */
  readonly forgetful?: string
  /** Called before each operation on a store and each change of the choice; a failure takes its place. */
  readonly before?: (
    operation: string,
    store: (backend: string) => CredentialStore["Service"]
  ) => Effect.Effect<void, StorageError>
}

/** A machine of this kind. */
export const machine = (options: MachineOptions = {}) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const backends = new Map<string, CredentialStore["Service"]>()
      const { encrypted, keychain, secretservice, vault } = storageBackends
      const known = [encrypted, secretservice, vault, keychain, ...(options.outside ?? [])]
      for (const backend of known) {
        const built = Context.get(yield* Layer.build(Layer.fresh(MemoryStore.layer)), CredentialStore)
        backends.set(backend.name, {
          ...built,
          description: { backend, location: `the ${backend.name}` }
        })
      }
      const raw = (backend: string) => {
        const store = backends.get(backend)
        if (store === undefined) throw new Error(`a test's machine has no ${backend}`)
        return store
      }
      const before = (operation: string) => options.before?.(operation, raw) ?? Effect.void
      const lock = Context.get(yield* Layer.build(MemoryLock.layer), CredentialLock)
      let choice: StorageChoice | undefined
      const said: Array<string> = []
      const locked: Array<string> = []
      const lockedKeys: Array<string> = []

      let isMended = false
      const guarded = (backend: string): CredentialStore["Service"] => {
        const store = raw(backend)
        const { broken } = options
        const check = (operation: string, writes: boolean) =>
          Effect.gen(function* () {
            yield* before(`${backend} ${operation}`)
            if (broken?.backend === backend && (writes || broken.onlyWrites !== true)) {
              return yield* new StorageError({ reason: broken.reason })
            }
          })
        return {
          description: store.description,
          unlock: Effect.andThen(check("unlock", true), store.unlock),
          ...(options.isNew === backend ? { isNew: Effect.as(before(`${backend} isNew`), true) } : {}),
          get: (key) =>
            Effect.gen(function* () {
              yield* check("get", false)
              const { damaged } = options
              if (backend === "encrypted" && damaged?.server === key.server && !isMended) {
                return yield* new StorageError({ reason: damaged.reason })
              }
              return yield* store.get(key)
            }),
          put: (key, credential) =>
            Effect.gen(function* () {
              yield* check("put", true)
              if (backend === "encrypted" && options.damaged?.server === key.server) isMended = true
              if (options.forgetful !== backend) yield* store.put(key, credential)
            }),
          remove: (key) => Effect.andThen(check("remove", true), store.remove(key)),
          clear: Effect.andThen(check("clear", true), store.clear),
          list: Effect.andThen(before(`${backend} list`), store.list)
        }
      }

      return Context.make(Machine, {
        store: raw,
        choice: Effect.sync(() => choice),
        choose: (next) =>
          Effect.sync(() => {
            choice = next
          }),
        said,
        locked,
        lockedKeys
      }).pipe(
        Context.add(StorageBackends, {
          automatic: {
            addressed:
              options.outside?.[0] !== undefined
                ? { backend: options.outside[0], hasCredentials: true, isOfFolder: false }
                : options.vault === undefined
                  ? undefined
                  : {
                      backend: storageBackends.vault,
                      hasCredentials: hasVaultCredentials(options.vault.auth),
                      isOfFolder: options.vault.ofFolder?.url === true
                    },
            keyring: options.keyring === undefined ? undefined : storageBackends[options.keyring],
            fallback: storageBackends.encrypted
          },
          open: (backend) =>
            Effect.suspend(() => {
              const { absent } = options
              if (absent !== undefined && backend === absent) {
                const reason = new Unavailable({ backend: storageBackends[absent], detail: "a test's" })
                return Effect.fail(new StorageError({ reason }))
              }
              return Effect.succeed({
                store: guarded(backend),
                lock: {
                  withLock: (key, purpose) => (effect) =>
                    lock.withLock(
                      key,
                      purpose
                    )(
                      Effect.suspend(() => {
                        locked.push(backend)
                        lockedKeys.push(`${backend} ${key.storageName}`)
                        return effect
                      })
                    )
                }
              } satisfies OpenStorage)
            })
        }),
        Context.add(StorageChoices, {
          read: Effect.sync(() => Option.fromNullishOr(choice)),
          write: (next) =>
            Effect.andThen(
              before("choose"),
              Effect.sync(() => {
                choice = next
              })
            )
        }),
        Context.add(UserInteraction, {
          present: true,
          timeout: Duration.minutes(5),
          askToSignIn: () => Effect.void,
          askToUseDevice: () => Effect.void,
          pastedRedirect: () => Effect.never,
          tell: (message) => Effect.sync(() => void said.push(message))
        }),
        Context.add(Configuration, {
          file: Effect.succeed("server_config.json"),
          servers: Effect.succeed([]),
          server: () => Effect.die("a test asks for no server here"),
          keepsHistory: Effect.succeed(false),
          tokenStorage: Effect.succeed({
            backend: options.backend ?? "auto",
            password: undefined,
            vault: options.vault
          }),
          models: Effect.succeed(noModelSettings),
          variables: Effect.succeed([]),
          unlisted: Effect.succeed([]),
          invalid: Effect.succeed([]),
          warnings: Effect.succeed([])
        })
      )
    })
  )

/** One program on a machine: its store, its lock, and the way to move. */
export const program = Layer.fresh(StorageMove.layer.pipe(Layer.provideMerge(ChosenStorage.layer)))
