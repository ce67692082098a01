import { Clock, Effect, Option } from "effect"
import { command } from "../../domain/Remedy.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { StorageError } from "../../ports/CredentialStore.ts"
import type { StorageBackend } from "../../ports/StorageBackend.ts"
import { StorageBackends } from "../../ports/StorageBackends.ts"
import { StorageChoices } from "../../ports/StorageChoice.ts"
import { UserInteraction } from "../../ports/UserInteraction.ts"

/** The backend of `auto`, and why. */
export interface AutomaticChoice {
  /** The choice that would be made now. It is not remembered. */
  readonly foresee: Effect.Effect<Chosen, StorageError>
  /** Makes the choice and tells the user, unless it is made already. */
  readonly decide: Effect.Effect<void, StorageError>
}

interface Chosen {
  readonly backend: StorageBackend
  /** Completes "because". */
  readonly reason: string
}

/** How the keyring is tested: `foresee` only reads, `decide` writes an entry and removes it. */
type Mode = "foresee" | "decide"

/**
 * The rule of `auto`: the backend that is set up with address and credentials, else files that already hold
 * sign-ins, else the keyring of the system, else files. Only a keyring that is absent is passed over, not one that is
 * locked or denies access.
 */
export const automaticChoice: Effect.Effect<
  AutomaticChoice,
  never,
  StorageBackends | StorageChoices | UserInteraction
> = Effect.gen(function* () {
  const backends = yield* StorageBackends
  const choices = yield* StorageChoices
  const user = yield* UserInteraction
  const { addressed, fallback, keyring } = backends.automatic

  /** Why the keyring is absent, if it is. Some accept a connection and have no place to store anything: only a write shows that. */
  const absence = Effect.fnUntraced(function* ({ name }: StorageBackend, mode: Mode) {
    const { store } = yield* backends.open(name)
    const probe =
      mode === "decide"
        ? store.unlock
        : Effect.catchIf(
            store.get(CredentialKey.of("mcp-cli")),
            ({ reason }) => reason._tag !== "Unavailable",
            () => Effect.void
          )
    return yield* probe.pipe(
      Effect.as(Option.none<string>()),
      Effect.catchReason("StorageError", "Unavailable", ({ detail }) => Effect.succeedSome(detail))
    )
  })

  const byRule = Effect.fnUntraced(function* (mode: Mode): Effect.fn.Return<Chosen, StorageError> {
    if (addressed?.hasCredentials === true) {
      return {
        backend: addressed.backend,
        reason: `the address and the credentials of ${addressed.backend.label} are set`
      }
    }
    const files = yield* backends.open(fallback.name)
    if ((yield* files.store.list).length > 0) {
      return { backend: fallback, reason: "they already hold sign-ins of this machine" }
    }
    if (keyring === undefined) return { backend: fallback, reason: "this system has no supported keyring" }
    const absent = yield* absence(keyring, mode)
    return Option.isNone(absent)
      ? { backend: keyring, reason: "no shared store is set up, and the keyring of this system answers" }
      : { backend: fallback, reason: `there is no keyring: ${absent.value}` }
  })

  const decide = Effect.gen(function* () {
    if (Option.isSome(yield* choices.read)) return
    const { backend, reason } = yield* byRule("decide")
    // What a folder names is not for the sign-ins of other folders.
    if (addressed?.isOfFolder === true && backend === addressed.backend) return
    const { address, store } = yield* backends.open(backend.name)
    // The files may need a password that this run does not have. The test of a keyring has opened it already.
    if (backend === fallback) yield* store.unlock
    // Another process may have chosen, or moved, in the meantime.
    if (Option.isSome(yield* choices.read)) return
    const since = yield* Clock.currentTimeMillis
    yield* choices.write({
      backend: backend.name,
      reason,
      since,
      migratingFrom: [],
      ...(address === undefined ? {} : { address })
    })
    yield* user.tell(`Sign-ins are stored in ${backend.label} from now on, because ${reason}.`, [
      command("storage move", {
        options: { to: "BACKEND" },
        purpose: "store them elsewhere (keyring, vault or encrypted)"
      })
    ])
  }).pipe(Effect.withSpan("AutomaticChoice.decide"))

  return { foresee: yield* Effect.cached(byRule("foresee")), decide }
})
