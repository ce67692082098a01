import { Schema } from "effect"

/** A credential is needed and nobody is there to approve in a browser. */
export class SignInRequired extends Schema.TaggedError<SignInRequired>()("SignInRequired", {
  server: Schema.String,
  /** Why what is stored does not do. */
  why: Schema.Literals(["never signed in", "expired", "revoked"])
}) {
  override get message(): string {
    const state = {
      "never signed in": `Not signed in to ${this.server}.`,
      expired: `The sign-in to ${this.server} has expired and cannot be refreshed.`,
      revoked: `${this.server} no longer accepts the stored sign-in.`
    }[this.why]
    return `${state} Run: mcp-cli auth login ${this.server}`
  }
}

/** The authorization server, or the person, said no (RFC 6749 §4.1.2.1). */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {
  server: Schema.String,
  error: Schema.String,
  description: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const said = this.description === undefined ? this.error : `${this.error}: ${this.description}`
    const next =
      this.error === "access_denied"
        ? `Run mcp-cli auth login ${this.server} to try again.`
        : this.error === "invalid_scope"
          ? `Check "scopes" in the oauth block of ${this.server}.`
          : `Check the oauth block of ${this.server} against what its provider asks for.`
    return `The sign-in to ${this.server} was refused (${said}). ${next}`
  }
}

/** Nobody approved in time. */
export class SignInTimedOut extends Schema.TaggedError<SignInTimedOut>()("SignInTimedOut", {
  server: Schema.String,
  /** How long it was waited for. */
  seconds: Schema.Finite
}) {
  override get message(): string {
    return `No answer from the browser within ${this.seconds} seconds for ${this.server}. Run mcp-cli auth login ${this.server} to try again; --callback-timeout SECONDS waits longer.`
  }
}

/** The browser came back with this flow's state, but with an answer that must not be trusted. */
export class CallbackRejected extends Schema.TaggedError<CallbackRejected>()("CallbackRejected", {
  server: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The answer to the sign-in to ${this.server} was rejected: ${this.detail}. No token was requested. Run mcp-cli auth login ${this.server} to try again, and tell the provider if it happens twice.`
  }
}

/** The server protects itself by rules that this client will not follow. */
export class PkceUnsupported extends Schema.TaggedError<PkceUnsupported>()("PkceUnsupported", {
  server: Schema.String,
  issuer: Schema.String
}) {
  override get message(): string {
    return `${this.issuer} does not announce PKCE with S256, which MCP requires, so signing in to ${this.server} stops here. If its provider tells you to go without, set "use_pkce": false in the oauth block of ${this.server}.`
  }
}

/** The authorization server does not know the client, or its secret is wrong (RFC 6749 §5.2 `invalid_client`). */
export class ClientRejected extends Schema.TaggedError<ClientRejected>()("ClientRejected", {
  server: Schema.String,
  hasSecret: Schema.Boolean
}) {
  override get message(): string {
    const fields = this.hasSecret
      ? `"client_id" and "client_secret"`
      : `"client_id" (and "client_secret", which is not set)`
    return `The authorization server of ${this.server} does not accept the configured client (invalid_client). Check ${fields} in its oauth block; "token_endpoint_auth_method" sets how they are sent.`
  }
}
