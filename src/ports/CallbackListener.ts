import { Context, type Effect, Schema, type Scope } from "effect"
import type { AuthorizationResponse } from "../domain/AuthorizationResponse.ts"
import * as Remedy from "../domain/Remedy.ts"

/** The port of the redirect URI is taken, and the client is registered for that port only. */
export class RedirectPortBusy extends Schema.TaggedError<RedirectPortBusy>()("RedirectPortBusy", {
  server: Schema.String,
  redirectUri: Schema.String,
  /** True: a sign-in of this program listens there, and will end. */
  isOfSignIn: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return this.isOfSignIn === true
      ? `Another sign-in still waits for its browser at ${this.redirectUri}.`
      : `Another program listens at ${this.redirectUri}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.advice(
        this.isOfSignIn === true
          ? "Finish or end that sign-in, then try again."
          : "End that program, then try again."
      ),
      Remedy.set(
        Remedy.oauthOf(this.server),
        { redirect_uri: null },
        "its provider has another one registered for this client"
      )
    ]
  }
}

/** No listener could be opened on any port. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", { detail: Schema.String }) {
  override get message(): string {
    return `Cannot listen for the answer of the browser on this machine: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return []
  }
}

/** A bound listener. */
export interface BoundListener {
  /** The address of the listener, with its actual port. */
  readonly redirectUri: URL
  /** True if requests of other users of this machine are refused. They cannot deliver a code then, although they know the URL. */
  readonly checksUser: boolean
  /**
   * Serves an address that redirects to a URL, once, and returns that address. The browser gets it instead of the URL,
   * because other users of this machine can read the arguments of a process.
   */
  readonly redirectOnce: (to: URL) => Effect.Effect<URL>
  /**
   * Answers requests until one is the callback of this sign-in, and returns it. Accepts GET on the exact path only. A
   * `Foreign` request gets 400, one of another user of this machine 403, and the listener keeps waiting.
   */
  readonly receive: (
    read: (parameters: URLSearchParams) => AuthorizationResponse
  ) => Effect.Effect<Exclude<AuthorizationResponse, { readonly _tag: "Foreign" }>>
  /**
   * Shows in the browser how the sign-in has ended. The browser waits for it after its callback, at most until the scope
   * closes. Does nothing if no browser waits.
   */
  readonly conclude: (isSignedIn: boolean) => Effect.Effect<void>
}

/** Receives the callback on loopback (RFC 8252 §7.3). */
export class CallbackListener extends Context.Service<
  CallbackListener,
  {
    /**
     * Binds a listener on loopback until the scope closes; for `localhost` on 127.0.0.1 and ::1.
     *
     * @param portMayMove if the port is taken, binds another free one (RFC 8252 §7.3). Set if the client is not registered
     *   for the port yet.
     */
    readonly bind: (options: {
      readonly server: string
      readonly redirectUri: URL
      readonly portMayMove: boolean
    }) => Effect.Effect<BoundListener, RedirectPortBusy | ListenError, Scope.Scope>
  }
>()("mcp-cli-oauth/ports/CallbackListener") {}
