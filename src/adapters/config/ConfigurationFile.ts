import { Config, Effect, FileSystem, Layer, Option, Path } from "effect"
import {
  Configuration,
  ConfigurationError,
  ConfigurationIssue,
  UnknownServer
} from "../../ports/Configuration.ts"
import { configuredHome } from "../platform/ConfiguredHome.ts"
import { at, block, fieldsOf, Findings, has, type JsonObject, missing, warnUnknown } from "./Fields.ts"
import { faultOf } from "./JsonText.ts"
import { readServer, summarize } from "./ServerEntry.ts"
import { readStorage, storageFields } from "./StorageBlock.ts"

const fileName = "server_config.json"
const example = `{ "mcpServers": { "notion": { "url": "https://mcp.notion.com/mcp" } } }`

/** The file once read and found good. */
interface Checked {
  readonly file: string
  readonly servers: ReadonlyMap<string, JsonObject>
  readonly storage: JsonObject
  readonly warnings: ReadonlyArray<ConfigurationIssue>
}

const ofWhole = (problem: string) => [new ConfigurationIssue({ path: "", problem })]

/** Why a file cannot be read, in words. */
const readProblem = (reason: string): string => {
  if (reason === "PermissionDenied") return "you have no permission to read it"
  return reason === "BadResource" ? "it cannot be read: it is not a file" : `it cannot be read (${reason})`
}

const parse = (text: string): Effect.Effect<unknown, ReadonlyArray<ConfigurationIssue>> =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    // What JSON.parse says quotes the file, which may hold secrets.
    catch: () => {
      const fault = faultOf(text)
      if (fault === undefined) return ofWhole("it is not valid JSON")
      const { column, hint, line } = fault
      return ofWhole(
        `it is not valid JSON at line ${line}, column ${column}${hint === undefined ? "" : `: ${hint}`}`
      )
    }
  })

/** Checks all of a file; its errors, if any, are in the findings. */
const checkAll = Effect.fnUntraced(function* (findings: Findings, json: unknown) {
  const servers = new Map<string, JsonObject>()
  const root = fieldsOf(findings, "", json)
  if (root === undefined) return { servers, storage: {} }
  warnUnknown(findings, "", root, ["mcpServers", "tokenStorage"])

  if (!has(root, "mcpServers")) missing(findings, "", root, "mcpServers", `as in ${example}`)
  for (const [name, value] of Object.entries(block(findings, "", root, "mcpServers"))) {
    const path = at("mcpServers", name)
    yield* readServer(findings, path, name, value)
    servers.set(name, fieldsOf(new Findings(undefined), path, value) ?? {})
  }

  const storage = block(findings, "", root, "tokenStorage")
  warnUnknown(findings, "tokenStorage", storage, storageFields)
  yield* readStorage(findings, "tokenStorage", storage)
  return { servers, storage }
})

/** Reads a part again, filled in from the environment as it is now: its errors are those of its variables. */
const filledIn = Effect.fnUntraced(function* <A>(
  file: string | undefined,
  read: (findings: Findings) => Effect.Effect<A>
) {
  const findings = new Findings({
    variable: (name) => Effect.map(Config.option(Config.String(name)), Option.getOrUndefined),
    home: configuredHome
  })
  const result = yield* read(findings)
  if (findings.issues.length === 0) return result
  return yield* new ConfigurationError({ ...(file === undefined ? {} : { file }), issues: findings.issues })
})

/**
 * The configuration in a file: the one that is named, else `./server_config.json`, else
 * `~/.mcp_cli/server_config.json`. Nothing is read before it is asked for, and the file is read once. Where no file is
 * named and none is found, there are default settings for the storage and no servers.
 */
export const layer = (options: {
  readonly path: Option.Option<string>
}): Layer.Layer<Configuration, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Configuration,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const paths = yield* Path.Path

      const defaultPlaces = Effect.map(configuredHome, (folder) => [
        paths.resolve(fileName),
        paths.join(folder, ".mcp_cli", fileName)
      ])

      // A place that cannot be looked at is not passed over: reading it says what is wrong there.
      const isThere = (file: string) => Effect.orElseSucceed(fs.exists(file), () => true)

      const locate: Effect.Effect<Option.Option<string>, ConfigurationError> = Effect.gen(function* () {
        if (Option.isSome(options.path)) {
          const file = paths.resolve(options.path.value)
          if (yield* isThere(file)) return Option.some(file)
          return yield* new ConfigurationError({
            file,
            issues: ofWhole(`there is no such file. Name another one, or write it, for example: ${example}`)
          })
        }
        for (const file of yield* defaultPlaces) {
          if (yield* isThere(file)) return Option.some(file)
        }
        return Option.none()
      })

      /** Windows has no such permissions, and Node makes them up there. */
      const othersMayRead = (file: string) =>
        paths.sep === "\\"
          ? Effect.succeed(false)
          : Effect.map(fs.stat(file), ({ mode }) => (mode & 0o077) !== 0)

      const read = Effect.fnUntraced(function* (file: string): Effect.fn.Return<Checked, ConfigurationError> {
        const refuse = (issues: ReadonlyArray<ConfigurationIssue>) => new ConfigurationError({ file, issues })
        const unreadable = Effect.mapError(({ reason }: { readonly reason: { readonly _tag: string } }) =>
          refuse(ofWhole(readProblem(reason._tag)))
        )
        const text = yield* unreadable(fs.readFileString(file))
        const json = yield* Effect.mapError(parse(text.replace(/^\uFEFF/, "")), refuse)
        const findings = new Findings(undefined)
        const { servers, storage } = yield* checkAll(findings, json)
        if (findings.issues.length > 0) return yield* refuse(findings.issues)

        if (findings.writtenSecrets.length > 0 && (yield* unreadable(othersMayRead(file)))) {
          for (const path of findings.writtenSecrets) {
            findings.warn(
              path,
              `is in plain text in a file that others can read: write \${NAME} and set that variable, or run chmod 600 on the file`
            )
          }
        }
        return { file, servers, storage, warnings: findings.warnings }
      })

      const found = yield* Effect.cached(
        Effect.flatMap(
          locate,
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (file) => Effect.asSome(read(file))
          })
        )
      )

      const required = Effect.gen(function* () {
        const checked = yield* found
        if (Option.isSome(checked)) return checked.value
        const looked = (yield* defaultPlaces).join(" or ")
        return yield* new ConfigurationError({
          issues: ofWhole(`There is no configuration at ${looked}. Write one, for example: ${example}`)
        })
      })

      return Configuration.of({
        file: Effect.map(required, ({ file }) => file),
        servers: Effect.map(required, ({ servers }) =>
          Array.from(servers, ([name, entry]) => summarize(name, entry))
        ),
        server: Effect.fn("Configuration.server")(function* (name) {
          const { file, servers } = yield* required
          const entry = servers.get(name)
          if (entry === undefined) return yield* new UnknownServer({ name, file, known: [...servers.keys()] })
          const server = yield* filledIn(file, (findings) =>
            readServer(findings, at("mcpServers", name), name, entry)
          )
          // Only an error, or a variable still to fill in, leaves a server out, and neither is left here.
          return server ?? (yield* Effect.die(new Error("a checked server could not be read")))
        }),
        tokenStorage: Effect.gen(function* () {
          const checked = Option.getOrUndefined(yield* found)
          return yield* filledIn(checked?.file, (findings) =>
            readStorage(findings, "tokenStorage", checked?.storage ?? {})
          )
        }),
        warnings: Effect.map(found, Option.match({ onNone: () => [], onSome: ({ warnings }) => warnings }))
      })
    })
  )
