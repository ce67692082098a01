import { Effect, Option, Semaphore } from "effect"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { fieldOf, textOf } from "./JsonFields.ts"
import type { VaultHttp } from "./VaultHttp.ts"
import { saidBy } from "./VaultProblems.ts"
import type { VaultReply, VaultSession } from "./VaultSession.ts"

/** The fields of a record. Vault stores any JSON; ours are strings. */
export type Fields = Readonly<Record<string, string>>

/** A record, as it was read. */
export interface Found {
  /** Absent: there is no record, or its version was deleted. */
  readonly fields: Fields | undefined
  /** The version for a check-and-set; 0 if nothing was ever written. */
  readonly version: number
  /** Milliseconds since this version was written, by Vault's clock. */
  readonly age: number
}

/** The key-value engine of a mount, below the prefix of the settings. */
export interface KeyValue {
  /** The version of the engine. Only 2 has check-and-set. */
  readonly version: Effect.Effect<1 | 2, StorageError>
  readonly read: (name: string) => Effect.Effect<Found, StorageError>
  /**
   * Writes a record.
   *
   * @param over the version that the record must still be at (engine version 2)
   * @returns the new version; none if the record is at another version by now
   */
  readonly write: (
    name: string,
    fields: Fields,
    over: number
  ) => Effect.Effect<Option.Option<number>, StorageError>
  /**
   * Destroys every version of a record except one. Each record requests `max_versions: 1`, but a mount that keeps
   * more overrides it.
   */
  readonly prune: (name: string, except: number) => Effect.Effect<void, StorageError>
  /** Removes a record and all its versions. */
  readonly remove: (name: string) => Effect.Effect<void, StorageError>
  /** The names of the records below the prefix, without folders. */
  readonly list: Effect.Effect<ReadonlyArray<string>, StorageError>
}

interface Mount {
  readonly version: 1 | 2
  /** Segments of the mount's own path, and of the prefix within it. */
  readonly path: ReadonlyArray<string>
  readonly prefix: ReadonlyArray<string>
}

const segments = (path: string): ReadonlyArray<string> => path.split("/").filter((part) => part !== "")

const isMismatch = (answer: VaultReply): boolean =>
  "errors" in answer && answer.errors.some((error) => /check-and-set parameter did not match/.test(error))

const textFields = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string")
      )
    : undefined

/** The route of a record, or of the folder of all records. */
const at = (mount: Mount, part: "data" | "metadata" | "destroy", name?: string): ReadonlyArray<string> => [
  ...mount.path,
  ...(mount.version === 2 ? [part] : []),
  ...mount.prefix,
  ...(name === undefined ? [] : [name])
]

/** The versions in a record's metadata that are older than one, and not destroyed. */
const olderVersions = (metadata: VaultReply, than: number): ReadonlyArray<number> => {
  const versions = "errors" in metadata ? undefined : fieldOf(metadata.body, "data", "versions")
  return Object.entries(typeof versions === "object" && versions !== null ? versions : {})
    .filter(([, version]) => fieldOf(version, "destroyed") !== true)
    .map(([number]) => Number(number))
    .filter((number) => number < than)
}

type KeyValueSettings = Pick<VaultSettings, "mountPoint" | "pathPrefix" | "kvVersion">

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
  if ("errors" in answer) {
    return yield* http.fail("unexpected", `it does not say what is mounted at ${mountPoint}/`)
  }
  // A server without this endpoint is so old that it has only version 1.
  if (answer.status === 404) return { version: 1, path: mountPath, prefix }
  const type = fieldOf(answer.body, "data", "type")
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

/** The key-value engine of the settings. */
export const keyValue = (http: VaultHttp, session: VaultSession, settings: KeyValueSettings): KeyValue => {
  const { kvVersion, mountPoint } = settings
  const turn = Semaphore.makeUnsafe(1)
  let known: Mount | undefined =
    kvVersion === undefined
      ? undefined
      : { version: kvVersion, path: segments(mountPoint), prefix: segments(settings.pathPrefix) }

  let isConfirmed = kvVersion === undefined

  /**
   * Compares the version of the settings with the mount, before an answer is taken for "absent", or something is written
   * for the first time: a mount of version 1 takes every path for a record's. A mount that the token may not see is
   * taken to be as the settings say.
   */
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

  const isOfVersion = (actual: number | undefined) =>
    http.fail("wrong version", `${mountPoint}/ is of version ${actual}, and vaultKvVersion says ${kvVersion}`)

  const mount = Effect.suspend(() =>
    known === undefined
      ? Effect.tap(findMount(http, session, settings), (found) =>
          Effect.sync(() => {
            known = found
          })
        )
      : Effect.succeed(known)
  ).pipe(turn.withPermit)

  /** A 400 is about the request, and so about the settings. */
  const refuse = (answer: { readonly errors: ReadonlyArray<string> }) =>
    answer.errors.some((error) => /versioned|check-and-set/i.test(error))
      ? http.fail(
          "wrong version",
          `${mountPoint}/ is not of the version that was expected${saidBy(answer.errors)}`
        )
      : http.fail("unexpected", `it refuses the request${saidBy(answer.errors)}`)

  const absent = { fields: undefined, version: 0, age: 0 }

  const read = Effect.fn("KeyValue.read")(function* (name: string): Effect.fn.Return<Found, StorageError> {
    const found = yield* mount
    const answer = yield* session.send({ method: "GET", path: at(found, "data", name) })
    if ("errors" in answer) return yield* refuse(answer)
    const { body, status, time } = answer
    if (status === 404) yield* confirm
    if (found.version === 1) {
      return status === 404 ? absent : { fields: textFields(fieldOf(body, "data")), version: 0, age: 0 }
    }
    const version = fieldOf(body, "data", "metadata", "version")
    if (typeof version !== "number") {
      return status === 404 ? absent : yield* isOfVersion(1)
    }
    const created = Option.match(textOf(body, "data", "metadata", "created_time"), {
      onNone: () => time,
      onSome: Date.parse
    })
    return { fields: textFields(fieldOf(body, "data", "data")), version, age: Math.max(0, time - created) }
  })

  const write = Effect.fn("KeyValue.write")(function* (name: string, fields: Fields, over: number) {
    const found = yield* mount
    if (over === 0) yield* confirm
    if (found.version === 1) {
      const answer = yield* session.send({ method: "POST", path: at(found, "data", name), body: fields })
      return "errors" in answer || answer.status === 404 ? yield* isOfVersion(2) : Option.some(0)
    }
    // Old versions would hold old refresh tokens. Set before there is a first version.
    if (over === 0) {
      const metadata = yield* session.send({
        method: "POST",
        path: at(found, "metadata", name),
        body: { max_versions: 1 }
      })
      if ("errors" in metadata) return yield* refuse(metadata)
    }
    const answer = yield* session.send({
      method: "POST",
      path: at(found, "data", name),
      body: { options: { cas: over }, data: fields }
    })
    if (isMismatch(answer)) return Option.none()
    if ("errors" in answer) return yield* refuse(answer)
    const version = fieldOf(answer.body, "data", "version")
    if (typeof version === "number") return Option.some(version)
    return yield* isOfVersion(1)
  })

  return {
    version: Effect.map(mount, ({ version }) => version),
    read,
    write,
    prune: Effect.fn("KeyValue.prune")(function* (name: string, except: number) {
      const found = yield* mount
      if (found.version === 1) return
      const metadata = yield* session.send({ method: "GET", path: at(found, "metadata", name) })
      const old = olderVersions(metadata, except)
      if (old.length === 0) return
      const destroyed = yield* session.send({
        method: "POST",
        path: at(found, "destroy", name),
        body: { versions: old }
      })
      if ("errors" in destroyed) return yield* refuse(destroyed)
    }),
    remove: Effect.fn("KeyValue.remove")(function* (name: string) {
      const found = yield* mount
      const answer = yield* session.send({ method: "DELETE", path: at(found, "metadata", name) })
      if ("errors" in answer) return yield* refuse(answer)
    }),
    list: Effect.gen(function* () {
      const found = yield* mount
      const answer = yield* session.send({
        method: "GET",
        path: at(found, "metadata"),
        query: { list: "true" }
      })
      if ("errors" in answer) return yield* refuse(answer)
      if (answer.status === 404) yield* confirm
      const keys = answer.status === 404 ? [] : fieldOf(answer.body, "data", "keys")
      return Array.isArray(keys)
        ? keys.filter((key): key is string => typeof key === "string" && !key.endsWith("/"))
        : []
    }).pipe(Effect.withSpan("KeyValue.list"))
  }
}
