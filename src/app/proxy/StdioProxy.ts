import { Effect, type Scope } from "effect"
import type { Remediable } from "../../domain/Remedy.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import type { OpenClient } from "../../ports/LocalClient.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import { McpWire, type OpenOptions } from "../../ports/McpWire.ts"
import type { BrowserOpenings } from "../../ports/BrowserOpenings.ts"
import { WaitNotice } from "../../ports/WaitNotice.ts"
import type { Credentials } from "../credentials/Credentials.ts"
import { AuthorizedHttp } from "../http/AuthorizedHttp.ts"
import { acrossRevisions, type RevisionOptions } from "../revisions/AcrossRevisions.ts"
import type { SignIn } from "../signin/SignIn.ts"
import { AccessTokens } from "../tokens/AccessTokens.ts"
import { afterSleep } from "./AfterSleep.ts"
import type { MessageRule } from "./MessageRule.ts"
import { failed } from "./OwnAnswers.ts"
import { Relay } from "./Relay.ts"
import { makeSessionSignIn } from "./SessionSignIn.ts"

/** What is proxied, and how errors are shown. */
export interface StdioProxyOptions extends OpenOptions, RevisionOptions {
  readonly client: OpenClient
  readonly server: RemoteServer
  /** Absent: the default account. */
  readonly account: string | undefined
  readonly rules: ReadonlyArray<MessageRule>
  /** Milliseconds that the server may say nothing about a request; 0: any time. Absent: an hour. */
  readonly silence?: number | undefined
  /** Begins the ids of the proxy's own requests: nothing else has it. */
  readonly prefix: string
  /** An error with what can be done, for the user of the client. */
  readonly textOf: (error: Remediable) => string
  /** Shows an error on stderr. */
  readonly tell: (error: Remediable) => Effect.Effect<void>
}

/** Answers every request of a client with one error, for a server that cannot be used. */
export const refuseAll = (client: OpenClient, message: string): Effect.Effect<void> =>
  client.receive((text) => {
    const messages = text._tag === "Message" ? [text.message] : text._tag === "Batch" ? text.messages : []
    return Effect.forEach(
      messages.filter(({ kind }) => kind === "request"),
      ({ id = "null" }) => client.send(failed(id, message)),
      { discard: true }
    )
  })

/**
 * Connects an MCP client that started this program with a server, until the client ends its input. The way to the server gets
 * tokens, which are refreshed without the user. Only `initialize`, and a request whose client can show a page, lead to a
 * sign-in.
 */
export const stdioProxy = Effect.fn("StdioProxy.run")(
  function* (
    options: StdioProxyOptions
  ): Effect.fn.Return<
    void,
    McpError,
    AccessTokens | AuthorizedHttp | Credentials | McpWire | Scope.Scope | SignIn | BrowserOpenings
  > {
    const { account, client, prefix, rules, server, silence, tell, textOf } = options
    const http = yield* AuthorizedHttp
    const tokens = yield* AccessTokens
    const wires = yield* McpWire
    const signIn = yield* makeSessionSignIn(server, account)
    const direct = yield* wires.open(server, http.sendTo(server, account), options)
    const wire = yield* acrossRevisions(server, direct, options)
    const relay = yield* Relay.make({
      server: server.name,
      wire,
      signIn,
      rules,
      silence,
      prefix,
      toClient: client.send,
      textOf,
      tell
    })
    // The token first: each stream that is opened again would find out separately that it has expired.
    const refresh = tokens.getIfKnown({ server, account }).pipe(Effect.asVoid, Effect.catch(tell))
    const wake = Effect.andThen(refresh, relay.reopen)
    yield* Effect.forkScoped(afterSleep(wake))
    yield* client.receive(relay.take)
    yield* relay.settle
  },
  Effect.provideService(WaitNotice, undefined)
)
