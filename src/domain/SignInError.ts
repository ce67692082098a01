import { Schema } from "effect"
import { defaultAccount } from "./CredentialKey.ts"
import { printable } from "./PrintableText.ts"
import type { RemoteServer } from "./Server.ts"

/** A server, and the account at it where that is not the default one: `notion (work)`. */
export const accountName = (server: string, account: string = defaultAccount): string =>
  account === defaultAccount ? server : `${server} (${account})`

/** An argument as a shell reads it back, `cmd.exe` included where the text allows that. */
export const quoted = (text: string): string => {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  return /["$`\\!%\r\n]/.test(text) ? `'${text.replaceAll("'", `'\\''`)}'` : `"${text}"`
}

/**
 * A command of this program about one account of a server, ready to be typed: `mcp-cli auth login notion --account work`.
 */
export const accountCommand = (command: string, server: string, account: string = defaultAccount): string => {
  // What starts with a dash would be taken for a flag; `--` ends those.
  if (server.startsWith("-")) {
    const flag = account === defaultAccount ? "" : ` --account=${quoted(account)}`
    return `mcp-cli ${command}${flag} -- ${quoted(server)}`
  }
  const plain = `mcp-cli ${command} ${quoted(server)}`
  if (account === defaultAccount) return plain
  // What starts with a dash would be taken for a flag.
  return `${plain} --account${account.startsWith("-") ? "=" : " "}${quoted(account)}`
}

/** Absent: the default account. */
const account = Schema.optionalKey(Schema.String)

/** A credential is needed and nobody is there to approve in a browser. */
export class SignInRequired extends Schema.TaggedError<SignInRequired>()("SignInRequired", {
  server: Schema.String,
  account,
  /** Why what is stored does not do. */
  why: Schema.Literals(["never signed in", "expired", "revoked", "moved", "nobody there"])
}) {
  override get message(): string {
    const name = accountName(this.server, this.account)
    const state = {
      "never signed in": `Not signed in to ${name}.`,
      expired: `The sign-in to ${name} has expired and cannot be refreshed.`,
      revoked: `${name} no longer accepts the stored sign-in.`,
      moved: `${name} now names another authorization server than the one of the stored sign-in.`,
      "nobody there": `Somebody has to approve the sign-in to ${name}, and --no-interactive, or CI, says that nobody is there.`
    }[this.why]
    return `${state} Run: ${accountCommand("auth login", this.server, this.account)}`
  }
}

/** A request needs scopes that the sign-in has not, and nobody is there to approve them (RFC 6750 §3.1). */
export class ScopeRequired extends Schema.TaggedError<ScopeRequired>()("ScopeRequired", {
  server: Schema.String,
  account,
  /** The scopes that the server asks for. */
  missing: Schema.Array(Schema.String),
  /** What to sign in for: these, and all of before. */
  scopes: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const command = accountCommand("auth login", this.server, this.account)
    const wanted = `${this.missing.length === 1 ? "scope" : "scopes"} ${printable(this.missing.join(" "))}`
    return `${accountName(this.server, this.account)} wants the ${wanted} for this, which the stored sign-in has not. Run: ${command} --scope ${quoted(this.scopes.join(" "))}`
  }
}

/** The server names another authorization server, which the client of the configuration may not be meant for. */
export class AuthorizationServerChanged extends Schema.TaggedError<AuthorizationServerChanged>()(
  "AuthorizationServerChanged",
  {
    server: Schema.String,
    account,
    before: Schema.String,
    now: Schema.String
  }
) {
  override get message(): string {
    return `${accountName(this.server, this.account)} now signs in at ${printable(this.now)}, and no longer at ${printable(this.before)}, where the "client_id" of its oauth block was used. Nothing was sent there. If a client is registered there, set it and "issuer": ${JSON.stringify(this.now)} in the oauth block.`
  }
}

/** The authorization server, or the user, said no (RFC 6749 §4.1.2.1). */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {
  server: Schema.String,
  account,
  error: Schema.String,
  description: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const said = this.description === undefined ? this.error : `${this.error}: ${this.description}`
    const next =
      this.error === "access_denied"
        ? `Run ${accountCommand("auth login", this.server, this.account)} to try again.`
        : this.error === "invalid_scope"
          ? `Check "scopes" in the oauth block of ${this.server}.`
          : `Check the oauth block of ${this.server} against what its provider asks for.`
    return `The sign-in to ${accountName(this.server, this.account)} was refused (${said}). ${next}`
  }
}

/** Nobody approved in time. */
export class SignInTimedOut extends Schema.TaggedError<SignInTimedOut>()("SignInTimedOut", {
  server: Schema.String,
  account,
  /** How long it was waited for. */
  seconds: Schema.Finite,
  /** It was a device code that nobody approved before it ended (RFC 8628); else it was the browser that did not answer. */
  device: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    if (this.device === true) {
      return `Nobody approved the code for ${accountName(this.server, this.account)} within ${this.seconds} second${this.seconds === 1 ? "" : "s"}, and it is worth nothing any more. Run ${accountCommand("auth login", this.server, this.account)} --device for another.`
    }
    return `No answer from the browser within ${this.seconds} seconds for ${accountName(this.server, this.account)}. Run ${accountCommand("auth login", this.server, this.account)} to try again; --callback-timeout SECONDS waits longer.`
  }
}

/** The browser came back with this flow's state, but with an answer that must not be trusted. */
export class CallbackRejected extends Schema.TaggedError<CallbackRejected>()("CallbackRejected", {
  server: Schema.String,
  account,
  detail: Schema.String
}) {
  override get message(): string {
    return `The answer to the sign-in to ${accountName(this.server, this.account)} was rejected: ${this.detail}. No token was requested. Run ${accountCommand("auth login", this.server, this.account)} to try again, and tell the provider if it happens twice.`
  }
}

/** The server protects itself by rules that this client will not follow. */
export class PkceUnsupported extends Schema.TaggedError<PkceUnsupported>()("PkceUnsupported", {
  server: Schema.String,
  issuer: Schema.String
}) {
  override get message(): string {
    return `${this.issuer} does not announce PKCE with S256, which MCP requires, so signing in to ${this.server} stops here. If its provider says that it does PKCE all the same, set "assume_pkce": true in the oauth block of ${this.server}; if it tells you to go without, "use_pkce": false.`
  }
}

/** A device code was asked for, and the authorization server gives none (RFC 8628 §4). */
export class DeviceCodeNotOffered extends Schema.TaggedError<DeviceCodeNotOffered>()("DeviceCodeNotOffered", {
  server: Schema.String,
  account,
  issuer: Schema.String
}) {
  override get message(): string {
    const login = accountCommand("auth login", this.server, this.account)
    return `${printable(this.issuer)}, where ${accountName(this.server, this.account)} signs in, offers no device codes. Run ${login} --no-browser, open the address on your own machine, and paste back the address that the browser ended at.`
  }
}

/** Tokens are to be bound to a key of ours, and the authorization server knows no such tokens (RFC 9449 §5.1). */
export class DpopUnsupported extends Schema.TaggedError<DpopUnsupported>()("DpopUnsupported", {
  server: Schema.String,
  issuer: Schema.String,
  /** The MCP server takes no others; else it is the configuration that asks for them. */
  required: Schema.Boolean
}) {
  override get message(): string {
    const said = `${printable(this.issuer)} does not announce DPoP with ES256`
    return this.required
      ? `${said}, and ${this.server} takes no tokens without it, so signing in stops here. Tell its provider.`
      : `${said}, which "dpop": true in the oauth block of ${this.server} asks for. Take that out, or tell its provider.`
  }
}

/** The authorization server does not know the client, or its secret is wrong (RFC 6749 §5.2 `invalid_client`). */
export class ClientRejected extends Schema.TaggedError<ClientRejected>()("ClientRejected", {
  server: Schema.String,
  hasSecret: Schema.Boolean,
  /** It signs who it is, and has no secret to send. */
  signs: Schema.optionalKey(Schema.Boolean),
  /** The address of the document that is the client; absent: the client is one of `client_id`. */
  metadataUrl: Schema.optionalKey(Schema.String)
}) {
  /** That the client which the configuration of a server has is not accepted. */
  static ofConfigured({ name, oauth: { source } }: RemoteServer): ClientRejected {
    return new ClientRejected({
      server: name,
      hasSecret: source.client?.clientSecret !== undefined,
      ...(source.client?.signingKey === undefined ? {} : { signs: true })
    })
  }

  override get message(): string {
    if (this.metadataUrl !== undefined) {
      return `The authorization server of ${this.server} does not accept the client that ${this.metadataUrl} describes (invalid_client). Check that what is published there is what this prints: ${accountCommand("auth client-metadata", this.server)}`
    }
    const fields =
      this.signs === true
        ? `"client_id", the private key and "private_key_id"`
        : this.hasSecret
          ? `"client_id" and "client_secret"`
          : `"client_id" (and "client_secret", which is not set)`
    return `The authorization server of ${this.server} does not accept the configured client (invalid_client). Check ${fields} in its oauth block; "token_endpoint_auth_method" sets how they are sent.`
  }
}

/** The tokens could not be revoked (RFC 7009), and so nothing was forgotten either. */
export class RevocationFailed extends Schema.TaggedError<RevocationFailed>()("RevocationFailed", {
  server: Schema.String,
  account,
  /** What went wrong, as a sentence. */
  detail: Schema.String
}) {
  override get message(): string {
    const again = accountCommand("auth logout", this.server, this.account)
    const forget = accountCommand("auth reset", this.server, this.account)
    return `The sign-in to ${accountName(this.server, this.account)} could not be revoked, and is kept: ${this.detail} Run ${again} to try again, or ${forget} to forget it on this machine only.`
  }
}
