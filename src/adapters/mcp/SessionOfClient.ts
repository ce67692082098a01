import { Duration, Effect, Exit, Option, Scope, SynchronizedRef } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import {
  type McpCallOptions,
  type McpCompletion,
  type McpError,
  type McpProgress,
  type McpSession
} from "../../ports/McpConnector.ts"
import { ServerRequests } from "../../ports/ServerRequests.ts"
import { callFailure, notMade } from "./CallFailure.ts"
import { type ClientError, isClientError, SessionForgotten } from "./ClientErrors.ts"
import { type Connected, type OpenConnection, tooSilent } from "./Connection.ts"
import type { Explain } from "./ErrorOfClient.ts"
import { type ListKind, listKinds } from "./ListRepair.ts"
import type { McpClient } from "./McpClient.ts"
import { ofPrompt, ofPromptResult, ofReadResult, ofResource, ofTool, ofToolResult } from "./McpContents.ts"
import type { Fields } from "./Messages.ts"
import { runOperation } from "./Operation.ts"
import { CurrentRequestAnswers, requestAnswers } from "./RequestAnswers.ts"

/** A kind of request of a session. */
interface Ask<A, E> {
  readonly request: (
    client: McpClient<E>,
    onProgress: (progress: McpProgress) => void
  ) => Effect.Effect<A, ClientError | McpError | E>
  /** True: sent again in a new session if the server has forgotten this one. */
  readonly repeatable: boolean
  /** What to do if the server answers that the request is wrong, or names what does not exist. */
  readonly fix?: Remedy.Remedy
  readonly how?: McpCallOptions
  /** What to do if the time was too short. */
  readonly advice?: string
}

/** What to do if a tool is silent for longer than its timeout. */
const longerTimeout = "If the tool needs longer, set a longer timeout (--timeout SECONDS)."

const explanation =
  <E>(explain: Explain, fix?: Remedy.Remedy) =>
  (error: ClientError | McpError | E): McpError | E =>
    isClientError(error) ? explain(error, fix) : (error as McpError | E)

/** The requests of a session, but for its lists. */
const requestsOf = <E>(
  server: string,
  send: <A>(ask: Ask<A, E>) => Effect.Effect<A, McpError | E>
): Pick<McpSession<E>, "call" | "complete" | "ping" | "prompt" | "read"> => ({
  call: Effect.fn("McpSession.call")(function* (
    tool: string,
    args: Readonly<Record<string, unknown>>,
    how: McpCallOptions = {}
  ) {
    const answer = yield* send({
      request: (client, onProgress) => client.call(tool, args, { onProgress }),
      repeatable: false,
      how,
      advice: longerTimeout,
      fix: Remedy.command("tools", { server, purpose: "see its tools and their arguments" })
    })
    return ofToolResult(answer.result, answer.raw)
  }),
  read: Effect.fn("McpSession.read")(function* (uri: string, how: McpCallOptions = {}) {
    const answer = yield* send({
      request: (client, onProgress) => client.ask("resources/read", { uri }, { onProgress }),
      repeatable: true,
      how,
      fix: Remedy.command("resources", { server, purpose: "see its resources" })
    })
    return ofReadResult(answer.result, answer.raw)
  }),
  prompt: Effect.fn("McpSession.prompt")(function* (
    name: string,
    args: Readonly<Record<string, string>>,
    how: McpCallOptions = {}
  ) {
    const answer = yield* send({
      request: (client, onProgress) => client.ask("prompts/get", { name, arguments: args }, { onProgress }),
      repeatable: true,
      how,
      fix: Remedy.command("prompts", { server, purpose: "see its prompts and their arguments" })
    })
    return ofPromptResult(answer.result, answer.raw)
  }),
  complete: Effect.fn("McpSession.complete")(function* ({ argument, given, of, value }: McpCompletion) {
    const ref =
      "prompt" in of ? { type: "ref/prompt", name: of.prompt } : { type: "ref/resource", uri: of.uriTemplate }
    const params = { ref, argument: { name: argument, value }, context: { arguments: given } }
    return yield* send({
      request: (client) =>
        client.offers("completions")
          ? Effect.map(client.ask("completion/complete", params), ({ result }) => result.completion.values)
          : Effect.succeed([]),
      repeatable: true
    })
  }),
  // Revision 2026-07-28 has no `ping`.
  ping: send({
    request: (client) => (client.isModern ? client.discover() : Effect.asVoid(client.request("ping", {}))),
    repeatable: true
  }).pipe(Effect.withSpan("McpSession.ping"))
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
  readonly explain: Explain
  readonly timeout: Duration.Duration
  /** The origin of a server over HTTP. */
  readonly origin?: string
}): Effect.fn.Return<McpSession<E>, McpError | E, Scope.Scope> {
  const { explain, server } = options
  const sessionScope = yield* Effect.scope
  const answers = requestAnswers(server, yield* ServerRequests)
  let toolChanges = 0
  const open = Effect.gen(function* () {
    const scope = yield* Scope.fork(sessionScope)
    const connection = yield* Scope.provide(options.open, scope).pipe(
      Effect.mapError(explanation(explain)),
      Effect.provideService(CurrentRequestAnswers, answers),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    const onToolsChanged = () => void toolChanges++
    // Another connection may be one with another version of the server.
    onToolsChanged()
    connection.client.onToolsChanged = onToolsChanged
    return connection
  })
  const held = yield* SynchronizedRef.make<Connected<E>>(yield* open)
  // The old connection closes with the session: its pending requests may still be answered.
  const connected = SynchronizedRef.updateAndGetEffect(held, (connection) =>
    connection.isAlive() ? Effect.succeed(connection) : open
  )

  const connectedFor = (repeatable: boolean): Effect.Effect<Connected<E>, McpError | E> =>
    repeatable ? connected : Effect.mapError(connected, (error) => notMade(error) as McpError | E)

  /** None if the server has forgotten the session. */
  const attempt = <A>({ advice = "Try again later.", fix, how = {}, repeatable, request }: Ask<A, E>) =>
    Effect.flatMap(connectedFor(repeatable), (connection) => {
      const limit = how.timeout ?? options.timeout
      const run = runOperation(
        ({ heard }) =>
          request(connection.client, (progress) => {
            heard()
            how.onProgress?.(progress)
          }),
        { server, limit, silence: () => tooSilent(server, limit, Remedy.advice(advice)) }
      ).pipe(
        Effect.asSome,
        Effect.catchIf(
          (error) => error instanceof SessionForgotten,
          () => Effect.sync(() => (connection.end(), Option.none<A>()))
        )
      )
      const explainOne = explanation<E>(explain, fix)
      return Effect.mapError(run, (error): McpError | E =>
        repeatable
          ? explainOne(error)
          : (callFailure<ClientError | McpError | E>(error, {
              server,
              origin: options.origin,
              explain: explainOne
            }) as McpError | E)
      )
    })
  const send = <A>(ask: Ask<A, E>): Effect.Effect<A, McpError | E> =>
    Effect.gen(function* () {
      const first = yield* attempt(ask)
      if (Option.isSome(first)) return first.value
      if (!ask.repeatable) return yield* explain(new SessionForgotten({}))
      const again = yield* attempt(ask)
      return Option.isSome(again) ? again.value : yield* explain(new SessionForgotten({ isNew: true }))
    })

  const list = <A>(kind: ListKind, of: (entry: Fields) => A): Effect.Effect<ReadonlyArray<A>, McpError | E> =>
    send({
      request: (client) =>
        client.offers(kind.key) ? client.list(kind) : Effect.succeed({ entries: [], faults: [] }),
      repeatable: true
    }).pipe(
      Effect.tap(({ faults }) =>
        Effect.forEach(faults, (fault) => Effect.logWarning(`${server}: ${fault}.`))
      ),
      Effect.map(({ entries }) => entries.map(of)),
      Effect.withSpan(`McpSession.${kind.key}`)
    )

  const { client } = yield* SynchronizedRef.get(held)
  return {
    server: {
      name: client.server?.name ?? server,
      version: client.server?.version ?? "",
      protocol: client.protocol
    },
    instructions: Option.fromUndefinedOr(client.instructions),
    tools: list(listKinds.tools, ofTool),
    toolChanges: Effect.sync(() => toolChanges),
    resources: list(listKinds.resources, ofResource),
    prompts: list(listKinds.prompts, ofPrompt),
    ...requestsOf(server, send)
  }
})
