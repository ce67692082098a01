import { Effect, Option } from "effect"
import type { StorageError } from "../../../ports/CredentialStore.ts"
import { fieldOf, textOf } from "./JsonFields.ts"
import { type KeyValueSettings, type Mount, mountOf } from "./Mount.ts"
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
  /**
   * Removes a record and all its versions.
   *
   * @param isOnce not repeated once it may have been done: it would remove what was stored after that
   */
  readonly remove: (name: string, isOnce?: boolean) => Effect.Effect<void, StorageError>
  /** The names of the records below the prefix, without folders. */
  readonly list: Effect.Effect<ReadonlyArray<string>, StorageError>
}

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

/** The key-value engine of the settings. */
export const keyValue = (http: VaultHttp, session: VaultSession, settings: KeyValueSettings): KeyValue => {
  const { mountPoint } = settings
  const { confirm, isOfVersion, mount } = mountOf(http, session, settings)

  /** A 400 is about the request, and so about the settings. */
  const refuse = (answer: { readonly errors: ReadonlyArray<string> }) =>
    answer.errors.some((error) => /versioned|check-and-set/i.test(error))
      ? http.fail(
          "wrong version",
          `${mountPoint}/ is not of the version that was expected${saidBy(answer.errors)}`
        )
      : http.fail("unexpected", `it refuses the request${saidBy(answer.errors)}`)

  let hasWarned = false

  /** Warns once of a mount that deletes what is written, after a time that the answer to a write tells. */
  const warnOfDeletion = Effect.fnUntraced(function* (body: unknown) {
    const deletion = Option.getOrElse(textOf(body, "data", "deletion_time"), () => "")
    if (deletion === "" || hasWarned) return
    hasWarned = true
    yield* Effect.logWarning(
      `Vault deletes what is written to ${mountPoint}/ now at ${deletion.replace(/\.\d+/, "")} (delete_version_after), and with it each sign-in that is not refreshed before that.`
    )
  })

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
    yield* warnOfDeletion(answer.body)
    if (typeof version === "number") return Option.some(version)
    return yield* isOfVersion(1)
  })

  return {
    version: Effect.map(mount, ({ version }) => version),
    read,
    write,
    prune: Effect.fn("KeyValue.prune")(function* (name: string, except: number) {
      const found = yield* mount
      // A first version has none before it.
      if (found.version === 1 || except <= 1) return
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
    remove: Effect.fn("KeyValue.remove")(function* (name: string, isOnce = false) {
      const found = yield* mount
      const answer = yield* session.send({ method: "DELETE", path: at(found, "metadata", name), isOnce })
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
