import { Effect, FileSystem, Layer, Option, Path } from "effect"
import { advice } from "../../domain/Remedy.ts"
import { Configuration, ConfigurationError, UnknownServer } from "../../ports/Configuration.ts"
import { ConfigurationReview } from "../../ports/ConfigurationReview.ts"
import { ConfigurationTrust } from "../../ports/ConfigurationTrust.ts"
import { configuredHome } from "../platform/ConfiguredHome.ts"
import { dataFolder } from "../platform/HomeFolder.ts"
import { example, fileIssue, type Place, readChecked, reviewOf } from "./CheckedFile.ts"
import { Block } from "./Cursor.ts"
import { variable } from "./EnvironmentVariables.ts"
import { Findings } from "./Findings.ts"
import { variablesIn } from "./Interpolation.ts"
import { nearName } from "./NearName.ts"
import { readServer, summarize } from "./ServerEntry.ts"
import { readStorage } from "./StorageBlock.ts"

const fileName = "server_config.json"

/** Reads a part of the file again, filled in from the current environment. The only new errors are those of variables. */
const readFilledIn = Effect.fnUntraced(function* <A>(
  place: Place | undefined,
  read: (findings: Findings) => Effect.Effect<A>
) {
  const file = place?.file
  const findings = new Findings({ variable, home: configuredHome, wasFound: place?.origin === "found" })
  const result = yield* read(findings)
  if (findings.issues.length === 0) return result
  return yield* new ConfigurationError({ ...(file === undefined ? {} : { file }), issues: findings.issues })
})

/** Where a configuration is looked for if none is named, in the order of precedence. */
const defaultPlaces = Effect.fnUntraced(function* ({
  home,
  searchesWorkingDirectory
}: Options): Effect.fn.Return<ReadonlyArray<Place>, never, Path.Path> {
  const paths = yield* Path.Path
  const userHome = yield* configuredHome
  const own = paths.join(home ?? dataFolder(userHome), fileName)
  const found = paths.resolve(fileName)
  // No repository is cloned into the home folder itself: what is there is the user's, as `~/.mcp_cli` is.
  const origin = paths.dirname(found) === paths.resolve(userHome) ? "home" : "found"
  return searchesWorkingDirectory === true && found !== paths.resolve(own)
    ? [
        { file: found, origin },
        { file: own, origin: "own" }
      ]
    : [{ file: own, origin: "own" }]
})

/** Finds the file. None: no file is named, and no default place has one. */
const locate = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Option.Option<Place>, ConfigurationError, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  // A place that cannot be examined is not skipped: reading it reports why.
  const exists = (file: string) => Effect.orElseSucceed(fs.exists(file), () => true)
  if (Option.isNone(options.path)) {
    for (const place of yield* defaultPlaces(options)) {
      if (yield* exists(place.file)) return Option.some(place)
    }
    return Option.none()
  }
  const file = paths.resolve(options.path.value)
  if (yield* exists(file)) return Option.some({ file, origin: "own" })
  return yield* new ConfigurationError({
    file,
    issues: fileIssue(
      "there is no such file",
      advice(`Name another one, or write it, for example: ${example}`)
    )
  })
})

/** Reads and checks a file. It is used only if this user chose it and no other user could have written it. */
const readTrusted = Effect.fnUntraced(function* (place: Place) {
  const checked = yield* readChecked(place)
  if (checked.origin === "found" || checked.exposure !== undefined) {
    const requireApproval = yield* ConfigurationTrust
    yield* requireApproval(reviewOf(checked))
  }
  return checked
})

/** Which file is used. */
interface Options {
  /** The file that the user names. None: the first of the default places that has one. */
  readonly path: Option.Option<string>
  /** Looks into the working directory first. What it finds there is used only if `ConfigurationTrust` approves it. */
  readonly searchesWorkingDirectory?: boolean
  /** The folder of `server_config.json`. Absent: `~/.mcp_cli`. */
  readonly home?: string
}

/**
 * The configuration of a file: `path`, or else `./server_config.json`, or else `~/.mcp_cli/server_config.json`. The file
 * is read once, when something of it is requested. Without `path` and without a file, the storage has default settings
 * and there are no servers.
 *
 * **Gotchas**
 *
 * A file that other users could have written is used only if `ConfigurationTrust` approves it, wherever it is.
 */
export const layer = (
  options: Options
): Layer.Layer<Configuration, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Configuration,
    Effect.gen(function* () {
      const platform = yield* Effect.context<FileSystem.FileSystem | Path.Path>()

      const found = yield* locate(options).pipe(
        Effect.flatMap(
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (place) => Effect.asSome(readTrusted(place))
          })
        ),
        Effect.provideContext(platform),
        Effect.cached
      )

      const required = Effect.gen(function* () {
        const checked = yield* found
        if (Option.isSome(checked)) return checked.value
        const places = (yield* Effect.provideContext(defaultPlaces(options), platform))
          .map(({ file }) => file)
          .join(" or ")
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
          const checked = yield* required
          const { file, repeated, root } = checked
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
          const server = yield* readFilledIn(checked, (findings) => {
            findings.issues.push(...repeated.filter(({ path }) => path[1] === name))
            return readServer(servers.reportingTo(findings).field(name), name)
          })
          // It has no errors, and every variable is filled in.
          return server ?? (yield* Effect.die(new Error("a checked server could not be read")))
        }),
        tokenStorage: Effect.gen(function* () {
          const checked = Option.getOrUndefined(yield* found)
          return yield* readFilledIn(checked, (findings) => {
            const root = checked?.root.reportingTo(findings) ?? new Block(findings, [], {})
            return readStorage(root.childOrEmpty("tokenStorage"))
          })
        }),
        warnings: Effect.map(found, Option.match({ onNone: () => [], onSome: ({ warnings }) => warnings })),
        variables: Effect.map(
          found,
          Option.match({ onNone: () => [], onSome: ({ text }) => variablesIn(text) })
        )
      })
    })
  )

/** Reads configurations for the user to decide about. */
export const reviewLayer: Layer.Layer<ConfigurationReview, never, FileSystem.FileSystem | Path.Path> =
  Layer.effect(
    ConfigurationReview,
    Effect.gen(function* () {
      const platform = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
      const { resolve } = yield* Path.Path
      const found = resolve(fileName)
      return ConfigurationReview.of({
        pathOf: (file) => resolve(Option.getOrElse(file, () => fileName)),
        read: (file) =>
          readChecked({ file, origin: file === found ? "found" : "own" }).pipe(
            Effect.map(reviewOf),
            Effect.provideContext(platform)
          )
      })
    })
  )
