import { Effect, Option, Semaphore } from "effect"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { fieldOf, textOf } from "./JsonFields.ts"
import type { VaultHttp } from "./VaultHttp.ts"
import type { VaultSession } from "./VaultSession.ts"

/** Where a key-value engine is, and of which version. */
export interface Mount {
  readonly version: 1 | 2
  /** Segments of the mount's own path, and of the prefix within it. */
  readonly path: ReadonlyArray<string>
  readonly prefix: ReadonlyArray<string>
}

const segments = (path: string): ReadonlyArray<string> => path.split("/").filter((part) => part !== "")

export type KeyValueSettings = Pick<VaultSettings, "mountPoint" | "pathPrefix" | "kvVersion">

/** Asks Vault for the engine of the mount, as its own command line does. A 404 of a record would prove nothing. */
const findMount = Effect.fnUntraced(function* (
  http: VaultHttp,
  session: VaultSession,
  { mountPoint, pathPrefix }: KeyValueSettings
): Effect.fn.Return<Mount, StorageError> {
  const mountPath = segments(mountPoint)
  const prefix = segments(pathPrefix)
  const answer = yield* session
    .send({ method: "GET", path: ["sys", "internal", "ui", "mounts", ...mountPath] })
    .pipe(
      Effect.catchIf(
        ({ reason }) => reason._tag === "VaultFailure" && reason.problem === "forbidden",
        () => http.fail("no mount", `there is no mount ${mountPoint}/, or the token may not see it`)
      )
    )
  const unnamed = http.fail("unexpected", `it does not say what is mounted at ${mountPoint}/`)
  if ("errors" in answer) return yield* unnamed
  // A server without this endpoint is so old that it has only version 1.
  if (answer.status === 404) return { version: 1, path: mountPath, prefix }
  const type = fieldOf(answer.body, "data", "type")
  if (type === undefined) return yield* unnamed
  if (type !== "kv" && type !== "generic") {
    return yield* http.fail("not key-value", `${mountPoint}/ is no key-value engine`)
  }
  const path = Option.match(textOf(answer.body, "data", "path"), {
    onNone: () => mountPath,
    onSome: segments
  })
  const version = fieldOf(answer.body, "data", "options", "version") === "2" ? 2 : 1
  return { version, path, prefix: [...mountPath.slice(path.length), ...prefix] }
})

/** The mount of the settings. */
export interface MountOfSettings {
  readonly mount: Effect.Effect<Mount, StorageError>
  /**
   * Compares the version of the settings with the mount, before an answer is taken for "absent", or something is written
   * for the first time: a mount of version 1 takes every path for a record's. A mount that the token may not see is
   * taken to be as the settings say.
   */
  readonly confirm: Effect.Effect<void, StorageError>
  /** The error of a mount that answers as one of this version, which is not the expected one. */
  readonly isOfVersion: (actual: 1 | 2 | undefined) => StorageError
}

/** Finds the mount of the settings when it is first needed. */
export const mountOf = (
  http: VaultHttp,
  session: VaultSession,
  settings: KeyValueSettings
): MountOfSettings => {
  const { kvVersion, mountPoint } = settings
  const turn = Semaphore.makeUnsafe(1)
  let known: Mount | undefined =
    kvVersion === undefined
      ? undefined
      : { version: kvVersion, path: segments(mountPoint), prefix: segments(settings.pathPrefix) }

  let isConfirmed = kvVersion === undefined

  const confirm = Effect.gen(function* () {
    if (isConfirmed) return
    const actual = yield* findMount(http, session, settings).pipe(
      Effect.map(({ version }) => version),
      Effect.catchIf(
        ({ reason }) => reason._tag === "VaultFailure" && reason.problem === "no mount",
        () => Effect.succeed(kvVersion)
      )
    )
    if (actual !== kvVersion) return yield* isOfVersion(actual)
    isConfirmed = true
  })

  const isOfVersion = (actual: 1 | 2 | undefined) =>
    kvVersion === undefined
      ? http.fail(
          "unexpected",
          `${mountPoint}/ does not answer as a key-value engine of version ${actual === 1 ? 2 : 1}`
        )
      : http.fail(
          "wrong version",
          `${mountPoint}/ is of version ${actual}, and vaultKvVersion says ${kvVersion}`
        )

  const mount = Effect.suspend(() =>
    known === undefined
      ? Effect.tap(findMount(http, session, settings), (found) =>
          Effect.sync(() => {
            known = found
          })
        )
      : Effect.succeed(known)
  ).pipe(turn.withPermit)

  return { mount, confirm, isOfVersion }
}
