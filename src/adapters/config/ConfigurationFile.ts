import { Effect, FileSystem, Layer, Option, Path } from "effect"
import { advice } from "../../domain/Remedy.ts"
import { hasSecretShape, secretParameter } from "../../domain/SecretShape.ts"
import { canonicalResource } from "../../domain/SecureUrl.ts"
import { isReady } from "../../domain/ConfiguredServer.ts"
import type { Server } from "../../domain/Server.ts"
import { addTyped } from "../../domain/TypedAddress.ts"
import {
  Configuration,
  ConfigurationError,
  ConfigurationIssue,
  UnknownServer
} from "../../ports/Configuration.ts"
import { noModelSettings } from "../../ports/ModelSettings.ts"
import { ConfigurationReview } from "../../ports/ConfigurationReview.ts"
import { ConfigurationTrust } from "../../ports/ConfigurationTrust.ts"
import { configuredHome } from "../platform/ConfiguredHome.ts"
import { dataFolder } from "../platform/HomeFolder.ts"
import { type CheckedFile, fileIssue, type Place, readChecked, reviewOf } from "./CheckedFile.ts"
import { Block, Field } from "./Cursor.ts"
import { variable } from "./EnvironmentVariables.ts"
import { Findings } from "./Findings.ts"
import { variablesIn } from "./Interpolation.ts"
import { nearName } from "../../domain/NearName.ts"
import { readModels } from "./ModelsBlock.ts"
import { addressOf, nameAt } from "./ServerAtUrl.ts"
import { readServer, summarize } from "./ServerEntry.ts"
import { readStorage } from "./StorageBlock.ts"

const fileName = "server_config.json"

/** What to do without a configuration. */
const addServer = (server?: string) => addTyped(server, "add a server")

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
export const defaultPlaces = Effect.fnUntraced(function* ({
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

/** A place that cannot be examined is not skipped: reading it reports why. */
export const exists = (file: string): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) => Effect.orElseSucceed(fs.exists(file), () => true))

/** Finds the file. None: no file is named, and no default place has one. */
const locate = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Option.Option<Place>, ConfigurationError, FileSystem.FileSystem | Path.Path> {
  const paths = yield* Path.Path
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
    issues: fileIssue("there is no such file", addServer())
  })
})

/** True for a file that needs an approval: this user did not choose it, or another user could have written it. */
export const needsApproval = ({ exposure, origin }: CheckedFile): boolean =>
  origin === "found" || exposure !== undefined

/** Reads and checks a file. It is used only if this user chose it and no other user could have written it. */
export const readTrusted = Effect.fnUntraced(function* (...[place, purpose]: Parameters<typeof readChecked>) {
  const checked = yield* readChecked(place, purpose)
  if (needsApproval(checked)) {
    const requireApproval = yield* ConfigurationTrust
    yield* requireApproval(reviewOf(checked))
  }
  return checked
})

/** Which file is used. */
export interface Options {
  /** The file that the user names. None: the first of the default places that has one. */
  readonly path: Option.Option<string>
  /** Looks into the working directory first. What it finds there is used only if `ConfigurationTrust` approves it. */
  readonly searchesWorkingDirectory?: boolean
  /** A server may be named by its URL. One that the file does not have gets the defaults, and its URL as its name. */
  readonly acceptsUrls?: boolean
  /** The folder of `server_config.json`. Absent: `~/.mcp_cli`. */
  readonly home?: string
}

/** The server of this name in a file. */
const serverIn = Effect.fnUntraced(function* (checked: CheckedFile, name: string) {
  const { file, repeated, root } = checked
  const servers = root.childOrEmpty("mcpServers")
  if (!servers.has(name)) {
    const near = nearName(name, servers.names)
    const known = [...servers.names]
    return yield* new UnknownServer({ name, file, known, ...(near === undefined ? {} : { near }) })
  }
  const server = yield* readFilledIn(checked, (findings) => {
    findings.issues.push(...repeated.filter(({ path }) => path[0] === "mcpServers" && path[1] === name))
    return readServer(servers.reportingTo(findings).field(name), name)
  })
  // It has no errors, and every variable is filled in.
  return server ?? (yield* Effect.die(new Error("a checked server could not be read")))
})

/**
 * A server that no file has. Its name is its canonical URL, so that every spelling of it has one sign-in. The names of files
 * and of stored sign-ins are made of it, so it must not hold a secret.
 */
const serverAt = Effect.fnUntraced(function* (address: URL) {
  if (secretParameter(address.href) !== undefined || hasSecretShape(address.href)) {
    return yield* new ConfigurationError({
      issues: [
        new ConfigurationIssue({
          path: ["mcpServers", address.origin],
          problem: "must not be named by a URL that has a secret in it",
          fixes: [
            advice(
              "Add the server under a name, with the name of an environment variable in place of the secret."
            )
          ]
        })
      ]
    })
  }
  const name = canonicalResource(address)
  const server = yield* readFilledIn(undefined, (findings) =>
    readServer(new Field(findings, ["mcpServers", name], { url: address.href }), name)
  )
  if (server !== undefined && isReady(server)) return server
  return yield* Effect.die(new Error("a checked server could not be read"))
})

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
      const unlisted = new Map<string, Server>()

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

      const requiredFor = Effect.fnUntraced(function* (server?: string) {
        const checked = yield* found
        if (Option.isSome(checked)) return checked.value
        const places = (yield* Effect.provideContext(defaultPlaces(options), platform))
          .map(({ file }) => file)
          .join(" or ")
        return yield* new ConfigurationError({
          issues: fileIssue(`There is no configuration at ${places}.`, addServer(server))
        })
      })
      const required = requiredFor()

      return Configuration.of({
        file: Effect.map(required, ({ file }) => file),
        servers: Effect.map(required, ({ invalid, root }) =>
          root
            .childOrEmpty("mcpServers")
            .blocks.filter(
              ([name]) => !invalid.some(({ path }) => path[0] === "mcpServers" && path[1] === name)
            )
            .map(([name, entry]) => summarize(name, entry))
        ),
        // What is wrong with the models is told where they are used.
        invalid: Effect.map(required, ({ invalid }) =>
          invalid.filter(({ path }) => path[0] === "mcpServers")
        ),
        server: Effect.fn("Configuration.server")(function* (given) {
          const address = options.acceptsUrls === true ? addressOf(given) : undefined
          if (address === undefined) return yield* serverIn(yield* requiredFor(given), given)
          const checked = Option.getOrUndefined(yield* found)
          const name = checked && (yield* nameAt(checked.root.childOrEmpty("mcpServers"), given))
          if (name !== undefined && checked !== undefined) return yield* serverIn(checked, name)
          const server = yield* serverAt(address)
          unlisted.set(server.name, server)
          return server
        }),
        unlisted: Effect.sync(() => [...unlisted.values()]),
        tokenStorage: Effect.gen(function* () {
          const checked = Option.getOrUndefined(yield* found)
          return yield* readFilledIn(checked, (findings) => {
            const root = checked?.root.reportingTo(findings) ?? new Block(findings, [], {})
            return readStorage(root.childOrEmpty("tokenStorage"))
          })
        }),
        models: Effect.gen(function* () {
          const checked = Option.getOrUndefined(yield* found)
          if (checked?.root.has("models") !== true) return noModelSettings
          return yield* readFilledIn(checked, (findings) => {
            findings.issues.push(...checked.repeated.filter(({ path }) => path[0] === "models"))
            return readModels(checked.root.reportingTo(findings).childOrEmpty("models"))
          })
        }),
        keepsHistory: Effect.map(
          found,
          Option.match({ onNone: () => false, onSome: ({ root }) => root.field("history").value === true })
        ),
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
