import { isDeepStrictEqual } from "node:util"
import { Effect, type FileSystem, Layer, Option, Path, Predicate, Result } from "effect"
import { advice } from "../../domain/Remedy.ts"
import { ConfigurationApprovals } from "../../ports/ConfigurationApprovals.ts"
import { ConfigurationError, UnknownServer } from "../../ports/Configuration.ts"
import {
  type AddedServer,
  ConfigurationEditor,
  type EntryJson,
  ServerExists
} from "../../ports/ConfigurationEditor.ts"
import { FileEditError, FileEditor, type TextEdit } from "../../ports/FileEditor.ts"
import { type CheckedFile, type Place, readChecked, reviewOf } from "./CheckedFile.ts"
import { defaultPlaces, exists, needsApproval, type Options, readTrusted } from "./ConfigurationFile.ts"
import { schemaUrl } from "./SchemaUrl.ts"
import { Block, Field } from "./Cursor.ts"
import { Findings } from "./Findings.ts"
import { nearName } from "../../domain/NearName.ts"
import { isSameUrl, nameAt } from "./ServerAtUrl.ts"
import { readServer, summarize } from "./ServerEntry.ts"

/** How often an edit starts again because another process has edited the file. */
const maxAttempts = 100

/** The file that was read is no longer the one that is edited. */
class Changed {
  readonly _tag = "Changed"
}

/** The file in use, or else the one that a new configuration is written to. */
const placeOf = Effect.fnUntraced(function* (options: Options) {
  const paths = yield* Path.Path
  if (Option.isSome(options.path)) {
    return { file: paths.resolve(options.path.value), origin: "own" } satisfies Place
  }
  const places = yield* defaultPlaces(options)
  for (const place of places) if (yield* exists(place.file)) return place
  return places.at(-1) ?? (yield* Effect.die(new Error("there is no default place")))
})

const withoutMark = (text: string | undefined): string | undefined => text?.replace(/^\uFEFF/, "")

/** The edits that set every field of a block, and leave its other fields as they are. */
const fieldEdits = (path: ReadonlyArray<string>, value: unknown): ReadonlyArray<TextEdit> =>
  Predicate.isReadonlyObject(value)
    ? Object.entries(value).flatMap(([name, field]) => fieldEdits([...path, name], field))
    : [{ path, value }]

/** A block with the fields of another one set, as {@link fieldEdits} sets them. */
const withFields = (block: EntryJson, fields: EntryJson): EntryJson => ({
  ...block,
  ...Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const before = Object.hasOwn(block, name) ? block[name] : undefined
      return Predicate.isReadonlyObject(value)
        ? [name, withFields(Predicate.isReadonlyObject(before) ? before : {}, value)]
        : [name, value]
    })
  )
})

/** True if two entries are for one server: the same URL, or the same command line. */
const isSameServer = (one: EntryJson, other: EntryJson): boolean =>
  typeof one["url"] === "string" && typeof other["url"] === "string"
    ? isSameUrl(one["url"], other["url"])
    : one["command"] !== undefined &&
      one["command"] === other["command"] &&
      isDeepStrictEqual(one["args"] ?? [], other["args"] ?? [])

/** The server of an entry, as far as it has no variables. Fails if it has errors. */
const checkEntry = Effect.fnUntraced(function* (name: string, entry: EntryJson) {
  const findings = new Findings("deferred")
  const server = yield* readServer(new Field(findings, ["mcpServers", name], entry), name)
  if (findings.issues.length > 0) return yield* new ConfigurationError({ issues: findings.issues })
  return server
})

const newDocument = (servers: Readonly<Record<string, EntryJson>>): string =>
  `${JSON.stringify({ $schema: schemaUrl, mcpServers: servers }, undefined, 2)}\n`

/** What an edit changes, and its result. */
interface Decision<A> {
  readonly edits: ReadonlyArray<TextEdit>
  /** The text of a file that is new or empty. Absent: it stays as it is. */
  readonly whole?: string
  readonly value: A
}

const decideAdd = Effect.fnUntraced(function* (
  { file, servers }: { readonly file: string; readonly servers: Block },
  given: string,
  {
    entry,
    force,
    isDerived = false
  }: { readonly entry: EntryJson; readonly force: boolean; readonly isDerived?: boolean | undefined }
) {
  const { url } = entry
  const there = isDerived && typeof url === "string" ? yield* nameAt(servers, url) : undefined
  const name = there ?? given
  const path = ["mcpServers", name]
  type Result = "added" | "changed" | "replaced" | "unchanged"
  const decision = (
    result: Result,
    edits: ReadonlyArray<TextEdit>
  ): Decision<{ readonly name: string; readonly result: Result }> => ({
    edits,
    whole: newDocument({ [name]: entry }),
    value: { name, result }
  })
  if (!servers.has(name)) {
    yield* checkEntry(name, entry)
    return decision("added", [{ path, value: entry }])
  }
  const existing = servers.childOrEmpty(name)
  if (isSameServer(entry, existing.fields)) {
    const { url: _, ...others } = entry
    const edits = fieldEdits(path, others)
    const after = withFields(existing.fields, others)
    if (isDeepStrictEqual(after, existing.fields)) return decision("unchanged", [])
    yield* checkEntry(name, after)
    return decision("changed", edits)
  }
  if (!force) {
    return yield* new ServerExists({
      name,
      file,
      target: summarize(name, existing).target,
      ...(typeof url === "string" ? { url } : {}),
      ...(isDerived ? { isDerived } : {})
    })
  }
  yield* checkEntry(name, entry)
  return decision("replaced", [{ path, value: entry }])
})

/** The name under which the file has a server. */
const nameIn = (servers: Block, name: string, entry: EntryJson): string | undefined =>
  servers.has(name) && isSameServer(entry, servers.childOrEmpty(name).fields)
    ? name
    : servers.blocks.find(([, { fields }]) => isSameServer(entry, fields))?.[0]

const decideAddMissing = Effect.fnUntraced(function* (
  { file, servers }: { readonly file: string; readonly servers: Block },
  entries: ReadonlyArray<{ readonly name: string; readonly entry: EntryJson }>
) {
  const added = new Map<string, EntryJson>()
  const results: Array<AddedServer> = []
  for (const { entry, name } of entries) {
    const all = new Block(new Findings("deferred"), servers.path, {
      ...servers.fields,
      ...Object.fromEntries(added)
    })
    const as = nameIn(all, name, entry)
    if (as !== undefined) {
      results.push({ _tag: "Present", name, as })
      continue
    }
    if (all.has(name)) {
      const { target } = summarize(name, all.childOrEmpty(name))
      results.push({ _tag: "Refused", name, why: new ServerExists({ name, file, target }) })
      continue
    }
    const checked = yield* Effect.result(checkEntry(name, entry))
    if (Result.isFailure(checked)) {
      results.push({ _tag: "Refused", name, why: checked.failure })
      continue
    }
    const server = checked.success
    added.set(name, entry)
    results.push({ _tag: "Added", name, ...(server === undefined ? {} : { server }) })
  }
  const edits = Array.from(added, ([name, value]) => ({ path: ["mcpServers", name], value }))
  return { edits, whole: newDocument(Object.fromEntries(added)), value: { servers: results } }
})

const decideRemove = Effect.fnUntraced(function* (
  { file, servers }: { readonly file: string; readonly servers: Block },
  given: string
) {
  const name = servers.has(given) ? given : yield* nameAt(servers, given)
  if (name === undefined || !servers.has(name)) {
    const near = nearName(given, servers.names)
    const known = [...servers.names]
    return yield* new UnknownServer({ name: given, file, known, ...(near === undefined ? {} : { near }) })
  }
  return {
    edits: [{ path: ["mcpServers", name] }],
    value: { removed: summarize(name, servers.childOrEmpty(name)) }
  }
})

/** @see ConfigurationEditor */
export const layer = (
  options: Options
): Layer.Layer<
  ConfigurationEditor,
  never,
  FileSystem.FileSystem | Path.Path | FileEditor | ConfigurationApprovals
> =>
  Layer.effect(
    ConfigurationEditor,
    Effect.gen(function* () {
      const platform = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
      const editor = yield* FileEditor
      const approvals = yield* ConfigurationApprovals

      const refused = (file: string, problem: string, fix: string) =>
        new FileEditError({ file, problem, remedies: [advice(fix)] })

      /** Approves the text after an edit: the user has approved the one before, and has asked for the edit. */
      const approve = Effect.fnUntraced(function* (before: CheckedFile, text: string) {
        if (!needsApproval(before)) return
        const after = yield* readChecked(before, "edit")
        if (after.text !== withoutMark(text)) return
        // Without it the next command asks again.
        yield* Effect.ignore(approvals.add(reviewOf(after)), { log: "Warn" })
      })

      /** Reads the file, decides, and edits it if it is still the same. */
      const edit = <A extends object, E>(
        decide: (found: { readonly file: string; readonly servers: Block }) => Effect.Effect<Decision<A>, E>,
        dryRun = false
      ) =>
        Effect.gen(function* () {
          const place = yield* placeOf(options)
          const { file } = place
          const attempt = Effect.gen(function* () {
            const checked = (yield* exists(file)) ? yield* readTrusted(place, "edit") : undefined
            const root = checked?.root ?? new Block(new Findings("deferred"), [], {})
            const { edits, value, whole } = yield* decide({ file, servers: root.childOrEmpty("mcpServers") })
            if (dryRun || edits.length === 0) return { file, backup: undefined, ...value }
            const { backup, text } = yield* editor.edit(
              file,
              (before): Effect.Effect<string, Changed | FileEditError> => {
                if (withoutMark(before) !== withoutMark(checked?.text)) return Effect.fail(new Changed())
                if (before === undefined || before.trim() === "") return Effect.succeed(whole ?? before ?? "")
                const after = editor.editedJson(before, edits)
                return after === undefined
                  ? Effect.fail(
                      refused(file, "is written in a way that cannot be edited safely", "Edit it yourself.")
                    )
                  : Effect.succeed(after)
              }
            )
            if (checked !== undefined) yield* approve(checked, text)
            return { file, backup, ...value }
          })
          return yield* attempt.pipe(
            Effect.retry({ times: maxAttempts, while: (error) => error instanceof Changed }),
            Effect.mapError((error) =>
              error instanceof Changed
                ? refused(file, "keeps being changed by other programs", "Try again later.")
                : error
            )
          )
        }).pipe(Effect.provideContext(platform))

      return ConfigurationEditor.of({
        add: Effect.fn("ConfigurationEditor.add")((name, entry, options) =>
          edit((found) => decideAdd(found, name, { entry, ...options }))
        ),
        addMissing: Effect.fn("ConfigurationEditor.addMissing")((entries, { dryRun }) =>
          edit((found) => decideAddMissing(found, entries), dryRun)
        ),
        remove: Effect.fn("ConfigurationEditor.remove")((name) => edit((found) => decideRemove(found, name)))
      })
    })
  )
