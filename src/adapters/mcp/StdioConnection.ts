import type { ChildProcess } from "node:child_process"
import type { StdioServerParameters } from "@modelcontextprotocol/client/stdio"
import { Duration, Effect, Option, Redacted, type Scope } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import type { StdioServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { type Connection, forever, makeClient, whenClosed } from "./Connection.ts"
import { concealer } from "./Concealment.ts"
import { type Explain, explainer, type Sdk } from "./ErrorOfClient.ts"
import type { Flights } from "./Flights.ts"

/** The SDK's part for programs; apart, since it needs Node. */
type StdioSdk = typeof import("@modelcontextprotocol/client/stdio")

/** Milliseconds until a program that does not answer the probe counts as an older server. */
const probeTimeout = 10_000

/** How many of the last characters of what a program writes on its standard error are kept, to conceal secrets in. */
const kept = 10_000
/** How many characters an error quotes. */
const quoted = 300

/** The end of what a program wrote: whole lines, from the one that names an error on, and no frames of a stack. */
const lastWords = (said: string): string => {
  const lines = said.split(/\r?\n/).filter((line) => line.trim() !== "" && !/^\s+at /.test(line))
  const last = lines.findLastIndex((line) => /error|exception|fatal|panic/i.test(line))
  const text = lines.slice(last < 0 ? 0 : last).join("\n")
  return last < 0 ? text.slice(-quoted) : text.slice(0, quoted)
}

/** What starting a program takes. */
export interface StdioConnectionOptions {
  readonly sdk: Sdk
  readonly stdio: StdioSdk
  readonly version: string
  readonly server: StdioServer
  readonly flights: Flights<McpError>
  /** How long the program may be silent. */
  readonly timeout: Duration.Duration
  /** Lets it write to our standard error. */
  readonly showOutput: boolean
}

/**
 * The SDK's transport, as a class of its own: with the SDK's own class each connection starts the program twice, once
 * for the probe.
 */
const makeTransport = (stdio: StdioSdk, parameters: StdioServerParameters) => {
  class ProbingTransport extends stdio.StdioClientTransport {
    override async close(): Promise<void> {
      const program: ChildProcess | undefined = this["_process"]
      await super.close()
      // A process that the program started may hold these open, and then ours would not end.
      for (const stream of program?.stdio ?? []) stream?.destroy()
    }
  }
  return new ProbingTransport(parameters)
}

const hasCode = (error: unknown): error is Error & { readonly code: unknown } =>
  error instanceof Error && "code" in error

const cannotStart = (server: StdioServer, code: string): McpError => {
  const command = printable(server.command)
  const detail =
    code === "ENOENT"
      ? server.cwd === undefined
        ? `there is no program "${command}". Install it, or correct "command" in its entry.`
        : `there is no program "${command}", or no folder ${printable(server.cwd)}. Correct "command" or "cwd" in its entry.`
      : code === "EACCES"
        ? `"${command}" may not be run. Make it executable, or correct "command" in its entry.`
        : `"${command}" cannot be started (${code}). Correct "command" in its entry.`
  return new McpError({ server: server.name, detail })
}

/** The connection; none where the program ended on the probe, as some older servers do. Without one never none. */
const start = Effect.fnUntraced(function* (
  options: StdioConnectionOptions,
  negotiation: "probe" | "legacy"
): Effect.fn.Return<Option.Option<Connection>, McpError, Scope.Scope> {
  const { flights, timeout, sdk, server, stdio } = options
  const transport = makeTransport(stdio, {
    command: server.command,
    args: [...server.args],
    // The SDK adds the variables that are safe to inherit, and no others of ours.
    env: Object.fromEntries(Object.entries(server.env).map(([name, value]) => [name, Redacted.value(value)])),
    stderr: options.showOutput ? "inherit" : "pipe",
    ...(server.cwd === undefined ? {} : { cwd: server.cwd })
  })
  let said = ""
  transport.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString("utf8")}`.slice(-kept)
  })
  const conceal = concealer(Object.values(server.env))
  const ended = () => {
    const quote = printable(lastWords(conceal(said)))
    const words = quote === "" ? "" : `. It wrote: ${quote}`
    return options.showOutput
      ? "its program ended."
      : `its program ended${words}. See all that it writes with -v, or run it by hand.`
  }
  const explainSdk = explainer({
    sdk,
    server: server.name,
    conceal,
    connectionClosed: ended,
    unauthorized: ""
  })
  const explain: Explain = (error, hint) =>
    hasCode(error) && "syscall" in error ? cannotStart(server, String(error.code)) : explainSdk(error, hint)

  let alive = true
  const client = yield* makeClient(sdk, { version: options.version, probeTimeout })
  whenClosed(transport, () => {
    alive = false
  })
  yield* Effect.addFinalizer(() => Effect.promise(() => transport.close()))
  const connected = yield* flights.run({
    start: async (signal) => {
      try {
        await client.connect(transport, {
          signal,
          timeout: forever,
          ...(negotiation === "legacy" ? { prior: { kind: "legacy" } } : {})
        })
        return true
      } catch (error) {
        if (negotiation === "probe" && !alive && error instanceof sdk.SdkError) return false
        throw error
      }
    },
    explain,
    silence: {
      limit: timeout,
      error: () =>
        new McpError({
          server: server.name,
          detail: `its program did not answer within ${Duration.format(timeout)}. Run it by hand to see whether it is an MCP server.`
        })
    }
  })
  return connected
    ? Option.some({ client, alive: () => alive, forgotten: () => false, explain })
    : Option.none()
})

/**
 * Starts the program of a server and opens a connection with it: one process, two where it ends on a request before
 * `initialize`. Closing ends its input, and the process where it does not end by itself within two seconds.
 */
export const openStdio = Effect.fnUntraced(function* (
  options: StdioConnectionOptions
): Effect.fn.Return<Connection, McpError, Scope.Scope> {
  const probed = yield* start(options, "probe")
  return Option.isSome(probed) ? probed.value : Option.getOrThrow(yield* start(options, "legacy"))
})
