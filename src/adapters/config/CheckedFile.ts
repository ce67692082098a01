import { createHash } from "node:crypto"
import { Effect, FileSystem, Option, Path, Result } from "effect"
import { advice, type Remedy } from "../../domain/Remedy.ts"
import { ConfigurationError, ConfigurationIssue } from "../../ports/Configuration.ts"
import type { UntrustedConfiguration } from "../../ports/ConfigurationTrust.ts"
import { JsonSize, maxDepth } from "../http/JsonSize.ts"
import { Block, Field } from "./Cursor.ts"
import { type Exposure, fileExposure, folderExposure } from "./FileExposure.ts"
import { Findings } from "./Findings.ts"
import { type JsonReading, readJson } from "./JsonText.ts"
import { foreignRoots, readServer } from "./ServerEntry.ts"
import { readModels } from "./ModelsBlock.ts"
import { readStorage } from "./StorageBlock.ts"

/** A configuration that works. */
const example = `{ "mcpServers": { "notion": { "url": "https://mcp.notion.com/mcp" } } }`

/** A problem of the file as a whole. */
export const fileIssue = (problem: string, ...fixes: ReadonlyArray<Remedy>) => [
  new ConfigurationIssue({ path: [], problem, ...(fixes.length === 0 ? {} : { fixes }) })
]

/** Bytes of the longest configuration: thousands of servers. */
const maxBytes = 16 * 1024 * 1024

const readProblem = (reason: string): string => {
  switch (reason) {
    case "PermissionDenied":
      return "you have no permission to read it"
    case "BadResource":
      return "it cannot be read: it is not a file"
    case "TooLong":
      return `it has more than ${maxBytes / 1024 / 1024} MiB`
    default:
      return `it cannot be read (${reason})`
  }
}

const parse = (text: string): Effect.Effect<JsonReading, ReadonlyArray<ConfigurationIssue>> =>
  Effect.fromResult(
    Result.mapError(readJson(text), ({ column, hint, line }) =>
      fileIssue(
        `it is not valid JSON at line ${line}, column ${column}${hint === undefined ? "" : `: ${hint}`}`
      )
    )
  )

/** Checks a whole file. Errors are in the findings of the block. */
const checkAll = Effect.fnUntraced(function* (root: Block, purpose: Purpose) {
  root.warnUnknown(["$schema", "history", "mcpServers", "models", "tokenStorage"])
  if (root.has("$schema")) yield* root.string("$schema")
  // An edit adds it, but not beside the servers of another program's file.
  if (purpose === "use" || foreignRoots.some((name) => root.has(name))) {
    root.require("mcpServers", `as in ${example}`, foreignRoots)
  }
  const servers = root.childOrEmpty("mcpServers")
  for (const name of servers.names) yield* readServer(servers.field(name), name)
  yield* readStorage(root.childOrEmpty("tokenStorage"))
  if (root.has("models")) yield* readModels(root.childOrEmpty("models"))
  root.boolean("history")
})

/** A place of the configuration. */
export interface Place {
  readonly file: string
  /**
   * - `own`: the user's own file, or one that the user has named.
   * - `home`: in the working directory, which is the user's home folder. Its folder may have other writers.
   * - `found`: in another working directory. The user has not named it, and it may be another author's.
   */
  readonly origin: "own" | "home" | "found"
}

/** What a file is read for. `edit`: it may be empty, or have no servers yet. */
type Purpose = "use" | "edit"

/** A file that was read and checked. */
export interface CheckedFile extends Place {
  readonly root: Block
  readonly text: string
  /** The names that are given twice. Reading an entry again does not show them. */
  readonly repeated: ReadonlyArray<ConfigurationIssue>
  /** The errors of entries, and of the models. The other servers can be used. */
  readonly invalid: ReadonlyArray<ConfigurationIssue>
  readonly warnings: ReadonlyArray<ConfigurationIssue>
  /** Why other users could have written it. Absent: they could not. */
  readonly exposure: Exposure | undefined
}

const notAFile = { reason: { _tag: "BadResource" } } as const
const tooLong = { reason: { _tag: "TooLong" } } as const

/** The text of an open file. Reading by position does not work for pipes. */
const textOf = Effect.fnUntraced(function* (file: FileSystem.File) {
  const decoder = new TextDecoder()
  let text = ""
  let length = 0
  for (;;) {
    const bytes = yield* file.readAlloc(65_536)
    if (Option.isNone(bytes)) return text + decoder.decode()
    length += bytes.value.length
    if (length > maxBytes) return yield* Effect.fail(tooLong)
    text += decoder.decode(bytes.value, { stream: true })
  }
})

/** Reads a file, and whether other users can write or read it. Both are about the file that is open. */
const readSafely = Effect.fnUntraced(function* ({ file, origin }: Place) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  // Opening a pipe without a writer would never end.
  const isDescriptor = origin === "own" && /^\/(dev|proc\/[^/]+)\/(fd\/\d+|stdin)$/.test(file)
  if (!isDescriptor && (yield* fs.stat(file)).type !== "File") return yield* Effect.fail(notAFile)
  const opened = yield* fs.open(file, { flag: "r" })
  const info = yield* opened.stat
  // Exchanged since: what follows would read another one than was examined.
  if (origin !== "own" && info.type !== "File") return yield* Effect.fail(notAFile)
  // A shell passes `--config-file <(...)` as a pipe.
  const text = info.type === "File" ? yield* textOf(opened) : yield* fs.readFileString(file)
  const exposure =
    (yield* fileExposure(file, info)) ?? (origin === "own" ? undefined : yield* folderExposure(file))
  // Windows has no such permissions, and Node reports invented ones there.
  const othersMayRead = paths.sep !== "\\" && (info.mode & 0o077) !== 0
  return { text, exposure, othersMayRead }
}, Effect.scoped)

/** Reads and checks a file. Nothing of it is used yet, and no variable or file that it names is read. */
export const readChecked = Effect.fnUntraced(function* (
  place: Place,
  purpose: Purpose = "use"
): Effect.fn.Return<CheckedFile, ConfigurationError, FileSystem.FileSystem | Path.Path> {
  const { file } = place
  const refuse = (issues: ReadonlyArray<ConfigurationIssue>) => new ConfigurationError({ file, issues })
  const { exposure, othersMayRead, text } = yield* Effect.mapError(readSafely(place), ({ reason }) =>
    refuse(fileIssue(readProblem(reason._tag)))
  )
  const written = text.replace(/^\uFEFF/, "")
  const isEmpty = purpose === "edit" && written.trim() === ""
  const json = yield* Effect.mapError(parse(isEmpty ? "{}" : written), refuse)
  if (new JsonSize().add(new TextEncoder().encode(text)).depth > maxDepth)
    return yield* refuse(fileIssue(`it is nested more than ${maxDepth} levels deep`))
  const findings = new Findings("deferred")
  const repeated = json.repeated.map(({ lines: [first, second], path }) => {
    const problem =
      first === second ? `is given twice in line ${first}` : `is given twice, in lines ${first} and ${second}`
    return new ConfigurationIssue({ path, problem })
  })
  findings.issues.push(...repeated)
  const root = new Field(findings, [], json.value).block()
  if (root !== undefined) yield* checkAll(root, purpose)
  const isOfPart = ({ path }: ConfigurationIssue) =>
    (path[0] === "mcpServers" && path.length > 1) || path[0] === "models"
  const invalid = findings.issues.filter(isOfPart)
  if (root === undefined || invalid.length < findings.issues.length) return yield* refuse(findings.issues)

  if (othersMayRead) {
    for (const path of findings.plainSecrets) {
      findings.warn(
        path,
        "is in plain text in a file that others can read: write ${NAME} and set that variable, or run chmod 600 on the file",
        { isSecret: true }
      )
    }
  }
  return { ...place, root, text, repeated, invalid, warnings: findings.warnings, exposure }
})

/** The error of a file that is not approved. */
const refusalOf = ({ exposure, file }: CheckedFile): ConfigurationError => {
  const issues =
    exposure === undefined
      ? fileIssue("it is in the working directory, and you have not approved it")
      : fileIssue(
          `${exposure.path === file ? "it" : `its folder ${exposure.path}`} ${exposure.problem}`,
          advice(exposure.fix)
        )
  return new ConfigurationError({ file, issues })
}

/**
 * What the user decides about. An approval of a file of the user alone does not count once other users could have written it:
 * one who exchanges the folder can bring the same text, and other programs that it names.
 */
export const reviewOf = (checked: CheckedFile): UntrustedConfiguration => ({
  file: checked.file,
  digest: createHash("sha256")
    .update(checked.exposure === undefined ? "" : "exposed\0")
    .update(checked.text)
    .digest("hex"),
  entries: Effect.map(
    Effect.promise(() => import("./ConfigurationEntries.ts")),
    ({ entriesOf }) => entriesOf(checked.root)
  ),
  isFound: checked.origin === "found",
  isExposed: checked.exposure !== undefined,
  refusal: refusalOf(checked)
})
