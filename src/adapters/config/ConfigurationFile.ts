import { Effect, FileSystem, Layer, Option, Path } from "effect"
import {
  Configuration,
  ConfigurationError,
  ConfigurationIssue,
  UnknownServer
} from "../../ports/Configuration.ts"
import { advice, type Remedy } from "../../domain/Remedy.ts"
import { configuredHome } from "../platform/ConfiguredHome.ts"
import { Block, Field } from "./Cursor.ts"
import { variable } from "./EnvironmentVariables.ts"
import { Findings } from "./Findings.ts"
import { faultOf } from "./JsonText.ts"
import { nearName } from "./NearName.ts"
import { readServer, summarize } from "./ServerEntry.ts"
import { readStorage } from "./StorageBlock.ts"

const fileName = "server_config.json"
const example = `{ "mcpServers": { "notion": { "url": "https://mcp.notion.com/mcp" } } }`

/** A problem of the file as a whole. */
const fileIssue = (problem: string, ...fixes: ReadonlyArray<Remedy>) => [
  new ConfigurationIssue({ path: [], problem, ...(fixes.length === 0 ? {} : { fixes }) })
]

const readProblem = (reason: string): string => {
  if (reason === "PermissionDenied") return "you have no permission to read it"
  return reason === "BadResource" ? "it cannot be read: it is not a file" : `it cannot be read (${reason})`
}

const parse = (text: string): Effect.Effect<unknown, ReadonlyArray<ConfigurationIssue>> =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    // The error of JSON.parse quotes the file, which may contain secrets.
    catch: () => {
      const fault = faultOf(text)
      if (fault === undefined) return fileIssue("it is not valid JSON")
      const { column, hint, line } = fault
      return fileIssue(
        `it is not valid JSON at line ${line}, column ${column}${hint === undefined ? "" : `: ${hint}`}`
      )
    }
  })

/** Checks a whole file. Errors are in the findings of the block. */
const checkAll = Effect.fnUntraced(function* (root: Block) {
  root.warnUnknown(["mcpServers", "tokenStorage"])
  root.require("mcpServers", `as in ${example}`)
  const servers = root.childOrEmpty("mcpServers")
  for (const name of servers.names) yield* readServer(servers.field(name), name)
  yield* readStorage(root.childOrEmpty("tokenStorage"))
})

/** Reads a part of the file again, filled in from the current environment. The only new errors are those of variables. */
const readFilledIn = Effect.fnUntraced(function* <A>(
  file: string | undefined,
  read: (findings: Findings) => Effect.Effect<A>
) {
  const findings = new Findings({ variable, home: configuredHome })
  const result = yield* read(findings)
  if (findings.issues.length === 0) return result
  return yield* new ConfigurationError({ ...(file === undefined ? {} : { file }), issues: findings.issues })
})

/** The default places of the file, in the order of precedence. */
const defaultPlaces = Effect.gen(function* () {
  const paths = yield* Path.Path
  return [paths.resolve(fileName), paths.join(yield* configuredHome, ".mcp_cli", fileName)]
})

/** Finds the file. None: `path` is not given, and no default place has a file. */
const locate = Effect.fnUntraced(function* (path: Option.Option<string>, places?: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  // A place that cannot be examined is not skipped: reading it reports why.
  const exists = (file: string) => Effect.orElseSucceed(fs.exists(file), () => true)
  if (Option.isNone(path)) {
    for (const file of places ?? (yield* defaultPlaces)) if (yield* exists(file)) return Option.some(file)
    return Option.none()
  }
  const file = paths.resolve(path.value)
  if (yield* exists(file)) return Option.some(file)
  return yield* new ConfigurationError({
    file,
    issues: fileIssue(
      "there is no such file",
      advice(`Name another one, or write it, for example: ${example}`)
    )
  })
})

/** True if other users may read a file. Windows has no such permissions, and Node reports invented ones there. */
const othersMayRead = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  return paths.sep === "\\" ? false : ((yield* fs.stat(file)).mode & 0o077) !== 0
})

/** Reads and checks a file. */
const readFile = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const refuse = (issues: ReadonlyArray<ConfigurationIssue>) => new ConfigurationError({ file, issues })
  const unreadable = Effect.mapError(({ reason }: { readonly reason: { readonly _tag: string } }) =>
    refuse(fileIssue(readProblem(reason._tag)))
  )
  const text = yield* unreadable(fs.readFileString(file))
  const json = yield* Effect.mapError(parse(text.replace(/^\uFEFF/, "")), refuse)
  const findings = new Findings("deferred")
  const root = new Field(findings, [], json).block()
  if (root !== undefined) yield* checkAll(root)
  const isOfEntry = ({ path }: ConfigurationIssue) => path[0] === "mcpServers" && path.length > 1
  const invalid = findings.issues.filter(isOfEntry)
  if (root === undefined || invalid.length < findings.issues.length) return yield* refuse(findings.issues)

  if (findings.plainSecrets.length > 0 && (yield* unreadable(othersMayRead(file)))) {
    for (const path of findings.plainSecrets) {
      findings.warn(
        path,
        "is in plain text in a file that others can read: write ${NAME} and set that variable, or run chmod 600 on the file"
      )
    }
  }
  return { file, root, invalid, warnings: findings.warnings }
})

/**
 * The configuration of a file: `path`, or else `./server_config.json`, or else `~/.mcp_cli/server_config.json`. The file
 * is read once, when something of it is requested. Without `path` and without a file, the storage has default settings
 * and there are no servers.
 */
export const layer = (options: {
  readonly path: Option.Option<string>
  /** Where to look if no file is named. Absent: the two places above. */
  readonly places?: ReadonlyArray<string>
}): Layer.Layer<Configuration, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Configuration,
    Effect.gen(function* () {
      const platform = yield* Effect.context<FileSystem.FileSystem | Path.Path>()

      const found = yield* locate(options.path, options.places).pipe(
        Effect.flatMap(
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (file) => Effect.asSome(readFile(file))
          })
        ),
        Effect.provideContext(platform),
        Effect.cached
      )

      const required = Effect.gen(function* () {
        const checked = yield* found
        if (Option.isSome(checked)) return checked.value
        const places = (yield* Effect.provideContext(defaultPlaces, platform)).join(" or ")
        return yield* new ConfigurationError({
          issues: fileIssue(
            `There is no configuration at ${places}.`,
            advice(`Write one, for example: ${example}`)
          )
        })
      })

      return Configuration.of({
        file: Effect.map(required, ({ file }) => file),
        servers: Effect.map(required, ({ invalid, root }) =>
          root
            .childOrEmpty("mcpServers")
            .blocks.filter(([name]) => !invalid.some(({ path }) => path[1] === name))
            .map(([name, entry]) => summarize(name, entry))
        ),
        invalid: Effect.map(required, ({ invalid }) => invalid),
        server: Effect.fn("Configuration.server")(function* (name) {
          const { file, root } = yield* required
          const servers = root.childOrEmpty("mcpServers")
          if (!servers.has(name)) {
            const near = nearName(name, servers.names)
            return yield* new UnknownServer({
              name,
              file,
              known: [...servers.names],
              ...(near === undefined ? {} : { near })
            })
          }
          const server = yield* readFilledIn(file, (findings) =>
            readServer(servers.reportingTo(findings).field(name), name)
          )
          // It has no errors, and every variable is filled in.
          return server ?? (yield* Effect.die(new Error("a checked server could not be read")))
        }),
        tokenStorage: Effect.gen(function* () {
          const checked = Option.getOrUndefined(yield* found)
          return yield* readFilledIn(checked?.file, (findings) => {
            const root = checked?.root.reportingTo(findings) ?? new Block(findings, [], {})
            return readStorage(root.childOrEmpty("tokenStorage"))
          })
        }),
        warnings: Effect.map(found, Option.match({ onNone: () => [], onSome: ({ warnings }) => warnings }))
      })
    })
  )
