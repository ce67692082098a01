import type { ChildProcess } from "node:child_process"
import type { PassThrough } from "node:stream"
import type { JSONRPCMessage } from "@modelcontextprotocol/client"
import type { StdioServerParameters } from "@modelcontextprotocol/client/stdio"
import { Deferred, Duration, Effect, Redacted, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import { printable } from "../../domain/PrintableText.ts"
import { quoted, redactConfigured } from "../../domain/Redaction.ts"
import type { StdioServer } from "../../domain/Server.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { AnswerLimit } from "./AnswerLimit.ts"
import { type ClientError, initializeVersions, versionToOffer } from "./ClientErrors.ts"
import type { Connected, Identity } from "./Connection.ts"
import type { Explanation } from "./ErrorOfClient.ts"
import { LineBuffer, type ParseLine } from "./LineBuffer.ts"
import { parseMessage } from "./LongTexts.ts"
import { McpClient } from "./McpClient.ts"
import { maxQuotedLines, maxStored, probeTimeout } from "./McpLimits.ts"
import { makeMessageLog, type MessageLog } from "./MessageLog.ts"
import { isMessage } from "./Messages.ts"
import { runOperation } from "./Operation.ts"

/** The module of the SDK for programs. Separate, because it needs Node. */
type StdioSdk = typeof import("@modelcontextprotocol/client/stdio")

/** The end of what a program wrote: the lines from the last one that names an error, without stack frames. */
const lastWords = (said: string, redacted: (text: string) => string): ReadonlyArray<string> => {
  const lines = redacted(said)
    .split(/\r?\n/)
    .filter((line) => !/^\s+at /.test(line))
    .map((line) => quoted(line, redacted))
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
  readonly stdio: StdioSdk
  readonly identity: Identity
  readonly server: StdioServer
  readonly limit: AnswerLimit
  /** How long the program may be silent. */
  readonly timeout: Duration.Duration
  /** Passes its standard error through to ours. */
  readonly showOutput: boolean
}

const parse: ParseLine = (line) => {
  const message: unknown = parseMessage(line)
  if (!isMessage(message)) throw new SyntaxError("not a message")
  return message
}

/** Makes a transport of a subclass, which reads and starts programs in a way of its own. */
const makeTransport = (
  { limit, stdio }: StdioConnectionOptions,
  log: MessageLog,
  {
    onExceeded,
    onExit,
    parameters,
    spawn
  }: {
    readonly parameters: StdioServerParameters
    readonly spawn: typeof import("node:child_process").spawn
    readonly onExit: (end: string) => void
    readonly onExceeded: (error: McpError) => void
  }
) => {
  class LimitedTransport extends stdio.StdioClientTransport {
    constructor() {
      super(parameters)
      const stop = (error: McpError) => {
        onExceeded(error)
        const program: ChildProcess | undefined = this["_process"]
        program?.stdout?.destroy()
        program?.kill()
      }
      const parseLogged: ParseLine = (line) => {
        const message = parse(line)
        log.received(message)
        return message
      }
      Object.assign(this, { _readBuffer: new LineBuffer(parseLogged, limit, stop) })
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

    override async close(): Promise<void> {
      const program: ChildProcess | undefined = this["_process"]
      await super.close()
      // A child of the program may hold these open, and then our process would not end.
      for (const stream of program?.stdio ?? []) stream?.destroy()
    }
  }
  return new LimitedTransport()
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

/** A program that runs, before its handshake. */
interface Started {
  readonly client: McpClient<never>
  readonly isAlive: () => boolean
}

const start = Effect.fnUntraced(function* (
  options: StdioConnectionOptions
): Effect.fn.Return<Started, McpError, Scope.Scope> {
  const { identity, server, showOutput } = options
  yield* Effect.logDebug(`${server.name}: starts ${printable(server.command)}`)
  const ended = yield* Deferred.make<never, McpError>()
  let isAlive = true
  let said = ""
  let how = ""
  const parameters: StdioServerParameters = {
    command: server.command,
    args: [...server.args],
    // The SDK adds only the variables that are safe to inherit.
    env: Object.fromEntries(Object.entries(server.env).map(([name, value]) => [name, Redacted.value(value)])),
    stderr: showOutput ? "inherit" : "pipe",
    ...(server.cwd === undefined ? {} : { cwd: server.cwd })
  }
  // Only programs need it.
  const { spawn } = yield* Effect.promise(() => import("node:child_process"))
  const log = yield* makeMessageLog(server.name)
  const transport = makeTransport(options, log, {
    parameters,
    spawn,
    onExit: (end) => {
      how = end
    },
    onExceeded: (error) => Deferred.doneUnsafe(ended, Effect.fail(error))
  })
  transport.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString("utf8")}`.slice(-maxStored)
  })
  const end = (): McpError =>
    new McpError({
      server: server.name,
      detail: showOutput
        ? `its program ended${how}.`
        : `its program ended${how}${quotation(lastWords(said, (text) => redactConfigured(text, server.env)))}`,
      remedies: showOutput ? [] : [Remedy.advice("To see all that it writes, add -v, or run it by hand.")]
    })
  const explain = (error: unknown): McpError =>
    hasCode(error) && "syscall" in error ? cannotStart(server, String(error.code)) : end()

  const client = yield* McpClient.make<never>(
    {
      isRequestOfItsOwn: false,
      ended: Deferred.await(ended),
      post: (message) =>
        Effect.tryPromise({
          try: () => {
            log.sent(message)
            return transport.send(message as JSONRPCMessage)
          },
          catch: explain
        }).pipe(
          // The SDK waits for room in the input of the program, which a program that has ended never makes.
          Effect.raceFirst(Deferred.await(ended)),
          Effect.as({ _tag: "Accepted" })
        )
    },
    identity
  )
  const context = yield* Effect.context<never>()
  /* oxlint-disable unicorn/prefer-add-event-listener -- the SDK has these properties and no events */
  transport.onmessage = (message) => Effect.runForkWith(context)(client.receive(message))
  transport.onclose = () => {
    isAlive = false
    Deferred.doneUnsafe(
      ended,
      Effect.suspend(() => Effect.fail(end()))
    )
  }
  /* oxlint-enable unicorn/prefer-add-event-listener */
  yield* Effect.addFinalizer(() => Effect.promise(() => transport.close()))
  yield* Effect.tryPromise({ try: () => transport.start(), catch: explain })
  return { client, isAlive: () => isAlive }
})

/**
 * Starts the program of a server and opens a connection with it. A program that ends on a request before `initialize`, or
 * refuses the version with a list of others, is started again. Closing ends its input, and kills the process if it still runs
 * two seconds later.
 */
export const openStdio = Effect.fnUntraced(function* (
  options: StdioConnectionOptions
): Effect.fn.Return<Connected<never>, ClientError | McpError, Scope.Scope> {
  const { server, timeout } = options
  const greet = <A, E>(limit: Duration.Duration, run: Effect.Effect<A, E>) =>
    runOperation(() => run, {
      server: server.name,
      limit,
      silence: () =>
        new McpError({
          server: server.name,
          detail: `its program did not answer within ${Duration.format(limit)}.`,
          remedies: [Remedy.advice("Run it by hand to see whether it is an MCP server.")]
        })
    })
  let started = yield* start(options)
  const isModern = yield* greet(
    Duration.min(timeout, Duration.millis(probeTimeout)),
    started.client.discover()
  ).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )
  if (!isModern) {
    if (!started.isAlive()) started = yield* start(options)
    const refused = yield* greet(timeout, started.client.initialize(initializeVersions[0])).pipe(
      Effect.as(undefined),
      Effect.catch((error) => {
        const older = versionToOffer(error)
        return older === undefined ? Effect.fail(error) : Effect.succeed(older)
      })
    )
    if (refused !== undefined) {
      started = yield* start(options)
      yield* greet(timeout, started.client.initialize(refused))
    }
  }
  return { ...started, end: () => undefined }
})
