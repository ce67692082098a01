import type { Client, Progress, RequestOptions } from "@modelcontextprotocol/client"
import { Duration, Effect, Exit, Option, Scope, SynchronizedRef } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import {
  type McpCallOptions,
  type McpCompletion,
  McpError,
  type McpSession
} from "../../ports/McpConnector.ts"
import { type Connection, type OpenConnection } from "./Connection.ts"
import { forever } from "./McpLimits.ts"
import type { Operations } from "./Operations.ts"
import { ofPrompt, ofPromptResult, ofReadResult, ofResource, ofTool, ofToolResult } from "./McpContents.ts"

/** A kind of request of a session. */
interface Ask<A> {
  readonly request: (client: Client, options: RequestOptions, heard: () => void) => Promise<A>
  /** True: sent again in a new session if the server has forgotten this one. */
  readonly repeatable: boolean
  /** What to do if the server answers that the request is wrong, or names what does not exist. */
  readonly fix?: Remedy.Remedy
  /** How long the server may be silent; absent: as long as in the session. */
  readonly timeout?: Duration.Duration | undefined
  /** What to do if that was too short. */
  readonly advice?: string
}

/** Warns of what was wrong in the lists of a server. */
const reportFaults = (server: string, held: SynchronizedRef.SynchronizedRef<Connection>) =>
  Effect.gen(function* () {
    const { listFaults } = yield* SynchronizedRef.get(held)
    for (const fault of listFaults.take()) yield* Effect.logWarning(`${server}: ${fault}.`)
  })

const tooSilent = (server: string, limit: Duration.Duration, advice = "Try again later.") =>
  new McpError({
    server,
    detail: `it did not answer within ${Duration.format(limit)}.`,
    remedies: [Remedy.advice(advice)]
  })

/** Handles a progress notification: the server shows that it is alive, and the caller may show how far it is. */
const onProgress =
  (heard: () => void, { onProgress: show }: McpCallOptions) =>
  ({ message, progress, total }: Progress): void => {
    heard()
    show?.({ message, progress, total })
  }

/** What to do if a tool is silent for longer than its timeout. */
const longerTimeout = "If the tool needs longer, set a longer timeout (--timeout SECONDS)."

/** The requests about prompts, and about the values of their arguments. */
const promptRequests = <E>(
  server: string,
  send: <A>(ask: Ask<A>) => Effect.Effect<A, McpError | E>
): Pick<McpSession<E>, "complete" | "prompt"> => ({
  prompt: Effect.fn("McpSession.prompt")(function* (
    name: string,
    args: Readonly<Record<string, string>>,
    how: McpCallOptions = {}
  ) {
    return yield* send({
      request: async (client, options, heard) =>
        ofPromptResult(
          await client.getPrompt(
            { name, arguments: { ...args } },
            { ...options, onprogress: onProgress(heard, how) }
          )
        ),
      repeatable: true,
      fix: Remedy.command("prompts", {
        server,
        purpose: "see its prompts and their arguments"
      })
    })
  }),
  complete: Effect.fn("McpSession.complete")(function* ({ argument, given, of, value }: McpCompletion) {
    return yield* send({
      request: async (client, options) => {
        if (client.getServerCapabilities()?.completions === undefined) return []
        const ref =
          "prompt" in of
            ? { type: "ref/prompt" as const, name: of.prompt }
            : { type: "ref/resource" as const, uri: of.uriTemplate }
        const { completion } = await client.complete(
          { ref, argument: { name: argument, value }, context: { arguments: { ...given } } },
          options
        )
        return completion.values
      },
      repeatable: true
    })
  })
})

/**
 * Makes a session that opens connections as needed: the first one immediately, another one after the server or its
 * program ended the connection before. Closes with the scope.
 *
 * @param options.timeout how long the server may be silent on a request; progress notifications count as an answer
 */
export const makeSession = Effect.fnUntraced(function* <E>(options: {
  readonly server: string
  readonly open: OpenConnection<E>
  readonly operations: Operations<McpError | E>
  readonly timeout: Duration.Duration
}): Effect.fn.Return<McpSession<E>, McpError | E, Scope.Scope> {
  const failure = (detail: string, advice: string) =>
    new McpError({ server: options.server, detail, remedies: [Remedy.advice(advice)] })
  const sessionScope = yield* Effect.scope
  const open = Effect.gen(function* () {
    const scope = yield* Scope.fork(sessionScope)
    return yield* Scope.provide(options.open, scope).pipe(
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
  })
  const held = yield* SynchronizedRef.make<Connection>(yield* open)
  // The old connection closes with the session: its pending requests may still be answered.
  const connected = SynchronizedRef.updateAndGetEffect(held, (connection) =>
    connection.alive() ? Effect.succeed(connection) : open
  )

  /** None if the server has forgotten the session. */
  const attempt = <A>(ask: Ask<A>): Effect.Effect<Option.Option<A>, McpError | E> =>
    Effect.flatMap(connected, (connection) =>
      options.operations.run({
        start: async (signal, heard) => {
          try {
            return Option.some(await ask.request(connection.client, { signal, timeout: forever }, heard))
          } catch (error) {
            if (connection.forgotten(error)) return Option.none()
            throw error
          }
        },
        explain: (error) => connection.explain(error, ask.fix),
        server: options.server,
        silence: {
          limit: ask.timeout ?? options.timeout,
          error: () => tooSilent(options.server, ask.timeout ?? options.timeout, ask.advice)
        }
      })
    )
  const forgotten = failure(
    "its session had ended, and nothing was done.",
    "Try again: a new session is opened."
  )
  const send = <A>(ask: Ask<A>): Effect.Effect<A, McpError | E> =>
    Effect.gen(function* () {
      const first = yield* attempt(ask)
      const answer = Option.isNone(first) && ask.repeatable ? yield* attempt(ask) : first
      return Option.isSome(answer) ? answer.value : yield* forgotten
    })

  const list = <A>(
    capability: "tools" | "resources" | "prompts",
    request: Ask<ReadonlyArray<A>>["request"]
  ): Effect.Effect<ReadonlyArray<A>, McpError | E> =>
    send({
      // Without the capability the SDK answers, too, but writes to standard output.
      request: async (client, ...rest) =>
        client.getServerCapabilities()?.[capability] === undefined ? [] : request(client, ...rest),
      repeatable: true
    }).pipe(Effect.tap(reportFaults(options.server, held)), Effect.withSpan(`McpSession.${capability}`))

  const { client } = yield* SynchronizedRef.get(held)
  const identity = client.getServerVersion()
  return {
    server: {
      name: identity?.name ?? options.server,
      version: identity?.version ?? "",
      protocol: client.getNegotiatedProtocolVersion() ?? ""
    },
    instructions: Option.fromUndefinedOr(client.getInstructions()),
    tools: list("tools", async (client, options) =>
      (await client.listTools(undefined, options)).tools.map(ofTool)
    ),
    call: Effect.fn("McpSession.call")(function* (
      tool: string,
      args: Readonly<Record<string, unknown>>,
      how: McpCallOptions = {}
    ) {
      return yield* send({
        request: async (client, options, heard) => {
          const call = { name: tool, arguments: { ...args } }
          return ofToolResult(await client.callTool(call, { ...options, onprogress: onProgress(heard, how) }))
        },
        repeatable: false,
        timeout: how.timeout,
        advice: longerTimeout,
        fix: Remedy.command("tools", {
          server: options.server,
          purpose: "see its tools and their arguments"
        })
      })
    }),
    resources: list("resources", async (client, options) =>
      (await client.listResources(undefined, options)).resources.map(ofResource)
    ),
    read: Effect.fn("McpSession.read")(function* (uri: string, how: McpCallOptions = {}) {
      return yield* send({
        request: async (client, options, heard) =>
          ofReadResult(
            await client.readResource({ uri }, { ...options, onprogress: onProgress(heard, how) })
          ),
        repeatable: true,
        fix: Remedy.command("resources", { server: options.server, purpose: "see its resources" })
      })
    }),
    prompts: list("prompts", async (client, options) =>
      (await client.listPrompts(undefined, options)).prompts.map(ofPrompt)
    ),
    ...promptRequests(options.server, send),
    // Revision 2026-07-28 has no `ping`.
    ping: send({
      request: async (client, options) => {
        await (client.getProtocolEra() === "modern" ? client.discover(options) : client.ping(options))
      },
      repeatable: true
    }).pipe(Effect.withSpan("McpSession.ping"))
  }
})
