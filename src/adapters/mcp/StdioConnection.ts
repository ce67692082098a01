import type { ChildProcess } from "node:child_process"
import type { PassThrough } from "node:stream"
import type { JSONRPCMessage } from "@modelcontextprotocol/client"
import type { StdioServerParameters } from "@modelcontextprotocol/client/stdio"
import { Cause, Duration, Effect, Redacted, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import { printable } from "../../domain/PrintableText.ts"
import { redactConfigured } from "../../domain/Redaction.ts"
import type { StdioServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { AnswerLimit } from "./AnswerLimit.ts"
import { type Connection, makeClient, whenClosed } from "./Connection.ts"
import { type Explain, type Explanation, explainer, type Sdk } from "./ErrorOfClient.ts"
import { repairLists } from "./ListRepair.ts"
import { versionToOffer } from "./VersionRefusal.ts"
import { LineBuffer } from "./LineBuffer.ts"
import { makeMessageLog, type MessageLog } from "./MessageLog.ts"
import type { Operations } from "./Operations.ts"
import { maxQuotedLines, maxStored, probeTimeout, forever } from "./McpLimits.ts"

/** The module of the SDK for programs. Separate, because it needs Node. */
type StdioSdk = typeof import("@modelcontextprotocol/client/stdio")

/** The end of what a program wrote: the lines from the last one that names an error, without stack frames. */
const lastWords = (said: string): ReadonlyArray<string> => {
  const lines = said
    .split(/\r?\n/)
    .filter((line) => !/^\s+at /.test(line))
    .map(printable)
    .filter((line) => line !== "")
  const last = lines.findLastIndex((line) => /error|exception|fatal|panic/i.test(line))
  return last < 0 ? lines.slice(-maxQuotedLines) : lines.slice(last, last + maxQuotedLines)
}

/** What a program wrote, after a sentence: each of several lines on its own. */
const quotation = ([first, ...others]: ReadonlyArray<string>): string => {
  if (first === undefined) return "."
  return others.length === 0
    ? `. It wrote: ${first.replace(/\.$/, "")}.`
    : `. It wrote:\n${[first, ...others].join("\n")}`
}

/** Windows has no process groups, and starts some programs in a way of its own, which the SDK knows. */
const isWindows = process.platform === "win32"

/** How a program ended, if it says that it failed. */
const endOf = (code: number | null, signal: NodeJS.Signals | null): string => {
  if (signal !== null) return ` by ${signal}`
  return code === null || code === 0 ? "" : ` with exit code ${code}`
}

/** Options of {@link openStdio}. */
export interface StdioConnectionOptions {
  readonly sdk: Sdk
  readonly stdio: StdioSdk
  readonly version: string
  readonly server: StdioServer
  readonly operations: Operations<McpError>
  readonly limit: AnswerLimit
  /** How long the program may be silent. */
  readonly timeout: Duration.Duration
  /** Passes its standard error through to ours. */
  readonly showOutput: boolean
}

/** Makes a transport of a subclass: with the class of the SDK each connection starts the program twice. */
const makeTransport = (
  { limit, operations, sdk, stdio }: StdioConnectionOptions,
  log: MessageLog,
  {
    onExit,
    parameters,
    spawn
  }: {
    readonly parameters: StdioServerParameters
    readonly spawn: typeof import("node:child_process").spawn
    readonly onExit: (end: string) => void
  }
) => {
  const parse: Sdk["deserializeMessage"] = (line) => {
    const message = sdk.deserializeMessage(line)
    log.received(message)
    return message
  }
  class ProbingTransport extends stdio.StdioClientTransport {
    constructor() {
      super(parameters)
      const onExceeded = (error: McpError) => {
        operations.failFor(undefined, Cause.fail(error))
        const program: ChildProcess | undefined = this["_process"]
        program?.stdout?.destroy()
        program?.kill()
      }
      Object.assign(this, { _readBuffer: new LineBuffer(parse, limit, onExceeded) })
    }

    override start(): Promise<void> {
      const started = isWindows ? super.start() : this.#startApart()
      const program: ChildProcess | undefined = this["_process"]
      program?.once("exit", (code, signal) => onExit(endOf(code, signal)))
      return started
    }

    /** Starts the program as the SDK does, but in a process group of its own: Ctrl-C cancels a call, and must not end it. */
    #startApart(): Promise<void> {
      const { args, command, cwd, env, stderr } = parameters
      const program = spawn(command, args ?? [], {
        env: { ...stdio.getDefaultEnvironment(), ...env },
        stdio: ["pipe", "pipe", stderr ?? "inherit"],
        detached: true,
        ...(cwd === undefined ? {} : { cwd })
      })
      Object.assign(this, { _process: program })
      const fail = (error: Error) => this.onerror?.(error)
      program.on("close", () => {
        Object.assign(this, { _process: undefined })
        this.onclose?.()
      })
      program.stdin?.on("error", fail)
      program.stdout?.on("error", fail)
      program.stdout?.on("data", (chunk: Buffer) => {
        try {
          this["_readBuffer"].append(chunk)
          this["processReadBuffer"]()
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
          void this.close()
        }
      })
      program.stderr?.pipe(this["_stderrStream"] as PassThrough)
      return new Promise((resolve, reject) => {
        program.once("spawn", resolve)
        program.on("error", (error) => {
          reject(error)
          fail(error)
        })
      })
    }

    override send(message: JSONRPCMessage): Promise<void> {
      log.sent(message)
      return super.send(message)
    }

    override async close(): Promise<void> {
      const program: ChildProcess | undefined = this["_process"]
      await super.close()
      // A child of the program may hold these open, and then our process would not end.
      for (const stream of program?.stdio ?? []) stream?.destroy()
    }
  }
  return new ProbingTransport()
}

const hasCode = (error: unknown): error is Error & { readonly code: unknown } =>
  error instanceof Error && "code" in error

const cannotStart = (server: StdioServer, code: string): McpError => {
  const command = printable(server.command)
  const checkEntry = (...fields: ReadonlyArray<string>) => Remedy.check(Remedy.entryOf(server.name), fields)
  const explanation = (): Explanation => {
    if (code === "EACCES") {
      return [
        `"${command}" may not be run.`,
        checkEntry("command"),
        Remedy.advice("If it is right, make the program executable.")
      ]
    }
    if (code !== "ENOENT") return [`"${command}" cannot be started (${code}).`, checkEntry("command")]
    return server.cwd === undefined
      ? [
          `there is no program "${command}".`,
          checkEntry("command"),
          Remedy.advice("If it is right, install the program.")
        ]
      : [
          `there is no program "${command}", or no folder ${printable(server.cwd)}.`,
          checkEntry("command", "cwd")
        ]
  }
  const [detail, ...remedies] = explanation()
  return new McpError({ server: server.name, detail, remedies })
}

/** How a program is greeted: by the probe, or by `initialize` with a version; absent: the newest. */
type Negotiation = "probe" | { readonly version?: string }

/** The connection, or how to start the program again. */
const start = Effect.fnUntraced(function* (
  options: StdioConnectionOptions,
  negotiation: Negotiation
): Effect.fn.Return<Connection | Negotiation, McpError, Scope.Scope> {
  const { operations, timeout, sdk, server } = options
  yield* Effect.logDebug(`${server.name}: starts ${printable(server.command)}`)
  let end = ""
  const parameters: StdioServerParameters = {
    command: server.command,
    args: [...server.args],
    // The SDK adds only the variables that are safe to inherit.
    env: Object.fromEntries(Object.entries(server.env).map(([name, value]) => [name, Redacted.value(value)])),
    stderr: options.showOutput ? "inherit" : "pipe",
    ...(server.cwd === undefined ? {} : { cwd: server.cwd })
  }
  // Only programs need it.
  const { spawn } = yield* Effect.promise(() => import("node:child_process"))
  const transport = makeTransport(options, yield* makeMessageLog(server.name), {
    parameters,
    spawn,
    onExit: (how) => {
      end = how
    }
  })
  const listFaults = repairLists(sdk, transport)
  let said = ""
  transport.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString("utf8")}`.slice(-maxStored)
  })
  const ended = (): Explanation =>
    options.showOutput
      ? [`its program ended${end}.`]
      : [
          `its program ended${end}${quotation(lastWords(redactConfigured(said, server.env)))}`,
          Remedy.advice("To see all that it writes, add -v, or run it by hand.")
        ]
  const explainSdk = explainer({
    sdk,
    server: server.name,
    configured: server.env,
    connectionClosed: ended,
    unauthorized: []
  })
  const explain: Explain = (error, fix) =>
    hasCode(error) && "syscall" in error ? cannotStart(server, String(error.code)) : explainSdk(error, fix)

  let alive = true
  const offer = negotiation === "probe" ? undefined : negotiation.version
  const client = yield* makeClient(sdk, { version: options.version, probeTimeout, offer })
  whenClosed(transport, () => {
    alive = false
  })
  yield* Effect.addFinalizer(() => Effect.promise(() => transport.close()))
  const again = yield* operations.run({
    start: async (signal): Promise<Negotiation | undefined> => {
      try {
        await client.connect(transport, {
          signal,
          timeout: forever,
          ...(negotiation === "probe" ? {} : { prior: { kind: "legacy" } })
        })
        return undefined
      } catch (error) {
        const version = offer === undefined ? versionToOffer(sdk, error) : undefined
        if (version !== undefined) return { version }
        // Some older servers end on the probe.
        if (negotiation === "probe" && !alive && error instanceof sdk.SdkError) return {}
        throw error
      }
    },
    explain,
    server: server.name,
    silence: {
      limit: timeout,
      error: () =>
        new McpError({
          server: server.name,
          detail: `its program did not answer within ${Duration.format(timeout)}.`,
          remedies: [Remedy.advice("Run it by hand to see whether it is an MCP server.")]
        })
    }
  })
  return again ?? { client, alive: () => alive, forgotten: () => false, explain, listFaults }
})

/**
 * Starts the program of a server and opens a connection with it. A program that ends on a request before `initialize`, or
 * refuses the version with a list of others, is started again. Closing ends its input, and kills the process if it still runs
 * two seconds later.
 */
export const openStdio = (
  options: StdioConnectionOptions,
  negotiation: Negotiation = "probe"
): Effect.Effect<Connection, McpError, Scope.Scope> =>
  Effect.flatMap(start(options, negotiation), (started) =>
    typeof started === "object" && "client" in started ? Effect.succeed(started) : openStdio(options, started)
  )
