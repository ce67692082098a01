import { homedir } from "node:os"
import { Config, Effect, FileSystem, Layer, Option, Path } from "effect"
import {
  Configuration,
  ConfigurationError,
  ConfigurationIssue,
  type StorageSettings,
  UnknownServer
} from "../../ports/Configuration.ts"
import { at, fieldsOf, Findings, type JsonObject, secret, string, warnUnknown } from "./Fields.ts"
import { isTemplate } from "./Interpolation.ts"
import { readServer, summarize } from "./ServerEntry.ts"

const fileName = "server_config.json"
const rootFields = ["mcpServers", "tokenStorage"]
const storageFields = ["backend", "password"]
const backends = ["auto", "encrypted", "memory"] as const
/** Names of the documentation that this version does not keep anything in. */
const laterBackends = ["keychain", "windows", "secretservice", "vault"]

const example = `{ "mcpServers": { "notion": { "url": "https://mcp.notion.com/mcp" } } }`

/** The file once read and found good. */
interface Checked {
  readonly file: string
  readonly servers: ReadonlyMap<string, JsonObject>
  readonly storage: JsonObject
  readonly warnings: ReadonlyArray<ConfigurationIssue>
}

const issue = (problem: string) => [new ConfigurationIssue({ path: "", problem })]

/** Where a JSON text breaks, in words; V8's own message quotes the text around it, which may be a secret. */
const syntaxProblem = (text: string, error: unknown): string => {
  const position = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1]
  const before = text.slice(0, position === undefined ? text.length : Number(position)).split("\n")
  return `is not valid JSON: line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

const backendProblem = (text: string): string | undefined => {
  if (backends.some((known) => known === text)) return undefined
  return laterBackends.includes(text)
    ? `is not available in this version: use ${backends.join(", ")}`
    : `must be one of ${backends.join(", ")}`
}

const readStorage = Effect.fnUntraced(function* (findings: Findings, block: JsonObject) {
  const path = "tokenStorage"
  const backend = yield* string(findings, path, block, "backend", backendProblem)
  const password = yield* secret(findings, path, block, "password")
  return {
    backend: backends.find((known) => known === backend) ?? "auto",
    password
  } satisfies StorageSettings
})

/** The secrets that the file itself holds in plain text. */
const plainSecrets = (servers: Checked["servers"], storage: JsonObject): ReadonlyArray<string> => {
  const isPlain = (value: unknown) => typeof value === "string" && value !== "" && !isTemplate(value)
  const ofServers = [...servers].flatMap(([name, { oauth }]) =>
    typeof oauth === "object" && oauth !== null && "client_secret" in oauth && isPlain(oauth.client_secret)
      ? [at(at(at("mcpServers", name), "oauth"), "client_secret")]
      : []
  )
  return isPlain(storage["password"]) ? [...ofServers, "tokenStorage.password"] : ofServers
}

/**
 * The configuration in a file: the one that is named, else `./server_config.json`, else
 * `~/.mcp_cli/server_config.json`. Nothing is read before it is asked for.
 */
export const layer = (options: {
  readonly path: Option.Option<string>
}): Layer.Layer<Configuration, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Configuration,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const paths = yield* Path.Path

      const home = Effect.orElseSucceed(Config.String("HOME"), homedir)
      const candidates = Effect.map(home, (folder) =>
        Option.match(options.path, {
          onNone: () => [paths.resolve(fileName), paths.join(folder, ".mcp_cli", fileName)],
          onSome: (path) => [paths.resolve(path)]
        })
      )

      const locate = Effect.gen(function* () {
        for (const file of yield* candidates) {
          if (yield* Effect.orElseSucceed(fs.exists(file), () => true)) return Option.some(file)
        }
        return Option.none<string>()
      })

      /** Reads and checks the whole file: the errors of all of it at once. */
      const check = Effect.fnUntraced(function* (
        file: string
      ): Effect.fn.Return<Checked, ConfigurationError> {
        const refuse = (issues: ReadonlyArray<ConfigurationIssue>) => new ConfigurationError({ file, issues })
        const text = yield* fs.readFileString(file).pipe(
          Effect.map((content) => content.replace(/^\uFEFF/, "")),
          Effect.mapError(({ reason }) => refuse(issue(`cannot be read (${reason._tag})`)))
        )
        const json = yield* Effect.try({
          try: (): unknown => JSON.parse(text),
          catch: (error) => refuse(issue(syntaxProblem(text, error)))
        })
        const findings = new Findings(undefined)
        const root = fieldsOf(findings, "", json) ?? {}
        warnUnknown(findings, "", root, rootFields)
        const servers = new Map<string, JsonObject>()
        if (Object.hasOwn(root, "mcpServers")) {
          for (const [name, value] of Object.entries(
            fieldsOf(findings, "mcpServers", root["mcpServers"]) ?? {}
          )) {
            const path = at("mcpServers", name)
            yield* readServer(findings, path, name, value)
            const entry = fieldsOf(new Findings(undefined), path, value)
            if (entry !== undefined) servers.set(name, entry)
          }
        } else {
          findings.error("mcpServers", "is missing")
        }
        const storage = Object.hasOwn(root, "tokenStorage")
          ? (fieldsOf(findings, "tokenStorage", root["tokenStorage"]) ?? {})
          : {}
        warnUnknown(findings, "tokenStorage", storage, storageFields)
        yield* readStorage(findings, storage)
        if (findings.issues.length > 0) return yield* refuse(findings.issues)

        const plain = plainSecrets(servers, storage)
        if (plain.length > 0) {
          const mode = yield* Effect.option(fs.stat(file))
          if (Option.exists(mode, (info) => (info.mode & 0o077) !== 0)) {
            for (const path of plain) {
              findings.warn(
                path,
                `is in plain text in a file that others can read: write \${NAME}, or run chmod 600`
              )
            }
          }
        }
        return { file, servers, storage, warnings: findings.warnings }
      })

      const loaded = yield* Effect.cached(
        Effect.flatMap(
          locate,
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (file) => Effect.asSome(check(file))
          })
        )
      )

      const required = Effect.flatMap(
        loaded,
        Option.match({
          onSome: Effect.succeed,
          onNone: () =>
            Effect.flatMap(
              candidates,
              (looked) =>
                new ConfigurationError({
                  issues: issue(
                    `There is no configuration at ${looked.join(" or ")}. Write one, for example: ${example}`
                  )
                })
            )
        })
      )

      /** Reads a part again, filled in from the environment: its errors are those of its variables. */
      const filledIn = Effect.fnUntraced(function* <A>(
        file: string | undefined,
        read: (findings: Findings) => Effect.Effect<A>
      ) {
        const findings = new Findings((name) =>
          Config.String(name).pipe(
            Config.option,
            Effect.map(Option.getOrUndefined),
            Effect.orElseSucceed(() => undefined)
          )
        )
        const result = yield* read(findings)
        if (findings.issues.length === 0) return result
        return yield* new ConfigurationError({
          ...(file === undefined ? {} : { file }),
          issues: findings.issues
        })
      })

      return Configuration.of({
        file: Effect.map(required, ({ file }) => file),
        servers: Effect.map(required, ({ servers }) =>
          [...servers].map(([name, entry]) => summarize(name, entry))
        ),
        server: Effect.fn("Configuration.server")(function* (name) {
          const { file, servers } = yield* required
          const entry = servers.get(name)
          if (entry === undefined) return yield* new UnknownServer({ name, file, known: [...servers.keys()] })
          const server = yield* filledIn(file, (findings) =>
            readServer(findings, at("mcpServers", name), name, entry)
          )
          // A server that read without an error is there: only an error, or a variable to fill in, leaves it out.
          return server ?? (yield* Effect.die(new Error("a checked server could not be read")))
        }),
        tokenStorage: Effect.flatMap(loaded, (found) => {
          const checked = Option.getOrUndefined(found)
          return filledIn(checked?.file, (findings) => readStorage(findings, checked?.storage ?? {}))
        }),
        warnings: Effect.map(loaded, (found) =>
          Option.match(found, { onNone: () => [], onSome: (_) => _.warnings })
        )
      })
    })
  )
