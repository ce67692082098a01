import { Effect, Schema } from "effect"
import type { ClientRegistration } from "./ClientRegistration.ts"
import { defaultAccount } from "./CredentialKey.ts"
import { printable } from "./PrintableText.ts"
import * as Remedy from "./Remedy.ts"
import type { RemoteServer } from "./Server.ts"
import { answerText, type InvalidClient } from "./TokenFailure.ts"

/** A server, and its account unless that is the default one: `notion (work)`. */
export const accountName = (server: string, account: string = defaultAccount): string =>
  account === defaultAccount ? server : `${server} (${account})`

/** Absent: the default account. */
const account = Schema.optionalKey(Schema.String)

interface Account {
  readonly server: string
  readonly account?: string
}

const nameOf = ({ account, server }: Account): string => accountName(server, account)

const login = (
  { account, server }: Account,
  details: Omit<Parameters<typeof Remedy.command>[1], "server"> = {}
) => Remedy.command("auth login", { server, account, ...details })

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** True: the run is in continuous integration, where no command signs in. Absent: false. */
const unattended = Schema.optionalKey(Schema.Boolean)

const signInElsewhere = (which: string): Remedy.Remedy =>
  Remedy.advice(
    `No command signs in while CI is set. Sign in on a machine with a browser, and let this job use ${which}: in Vault, or in encrypted files that it has.`
  )

/** What helps several servers where no command signs in. */
export const remediesWithoutLogin: ReadonlyArray<Remedy.Remedy> = [
  signInElsewhere("these sign-ins"),
  Remedy.advice(
    'If a provider has a grant without a user, set "grant_type" in the oauth block of its server.'
  )
]

/** The same for one server. */
const withoutLogin = (server: string): ReadonlyArray<Remedy.Remedy> => [
  signInElsewhere("that sign-in"),
  Remedy.set(Remedy.oauthOf(server), { grant_type: null }, "its provider has a grant without a user")
]

/** A credential is needed, and no user is present to approve a sign-in. */
export class SignInRequired extends Schema.TaggedError<SignInRequired>()("SignInRequired", {
  server: Schema.String,
  account,
  /** Why the stored credential, if there is one, cannot be used. */
  why: Schema.Literals([
    "never signed in",
    "configured otherwise",
    "expired",
    "revoked",
    "answer lost",
    "moved",
    "non-interactive"
  ]),
  /** What the server said when it ended the sign-in. Absent: nothing, or another process knows. */
  answer: Schema.optionalKey(Schema.String),
  unattended
}) {
  override get message(): string {
    const name = nameOf(this)
    switch (this.why) {
      case "never signed in":
        return `Not signed in to ${name}.`
      case "configured otherwise":
        return `The stored sign-in to ${name} is for another client, grant or endpoint than the configuration names now.`
      case "expired":
        return `The sign-in to ${name} has expired and cannot be refreshed.`
      case "revoked":
        return `The sign-in to ${name} is over: it is no longer accepted${this.answer === undefined ? "" : ` (${this.answer})`}.`
      case "answer lost":
        return `The answer to the last token refresh of ${name} was lost, and the new tokens with it. ${name} no longer accepts the old ones.`
      case "moved":
        return `${name} now names another authorization server than the stored sign-in.`
      case "non-interactive":
        return `Signing in to ${name} needs a user, and this run is not interactive (as asked, or because CI is set).`
    }
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    if (this.unattended === true) return withoutLogin(this.server)
    return [login(this, this.why === "non-interactive" ? { purpose: "sign in at a terminal" } : {})]
  }
}

/** Accounts that a message names. */
const maxAccounts = 5

/** The account is not stored, and others of the server are. Its name may be mistyped, so no sign-in was started. */
export class UnknownAccount extends Schema.TaggedError<UnknownAccount>()("UnknownAccount", {
  server: Schema.String,
  account: Schema.String,
  /** The accounts of the server that are stored. */
  stored: Schema.Array(Schema.String),
  /** The one of them that was probably meant. */
  near: Schema.optionalKey(Schema.String),
  unattended
}) {
  override get message(): string {
    const rest = this.stored.length - maxAccounts
    const names = rest > 1 ? [...this.stored.slice(0, maxAccounts), `${rest} others`] : this.stored
    const all = [names.slice(0, -1).join(", "), names.slice(-1).join("")].filter((part) => part !== "")
    return `No account ${this.account} of ${this.server} is stored. Stored: ${all.join(" and ")}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const near = this.near === undefined ? [] : [Remedy.advice(`Did you mean ${this.near}?`)]
    if (this.unattended === true) return [...near, ...withoutLogin(this.server)]
    return [...near, login(this, { purpose: `sign in to ${this.account}` })]
  }
}

/** A request needs scopes that the sign-in does not have, and no user is present to approve them (RFC 6750 §3.1). */
export class ScopeRequired extends Schema.TaggedError<ScopeRequired>()("ScopeRequired", {
  server: Schema.String,
  account,
  /** The scopes that the server requires and the sign-in does not have. */
  missing: Schema.Array(Schema.String),
  /** The scopes to sign in for: the missing ones and those of before. */
  scopes: Schema.Array(Schema.String),
  /** The server's own words. */
  description: Schema.optionalKey(Schema.String),
  unattended
}) {
  override get message(): string {
    const scopes = `${this.missing.length === 1 ? "scope" : "scopes"} ${printable(this.missing.join(" "))}`
    return `${nameOf(this)} requires the ${scopes}, which the stored sign-in does not have.${this.description === undefined ? "" : ` It says: ${printable(this.description)}`}`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    if (this.unattended === true) return withoutLogin(this.server)
    return [login(this, { options: { scope: this.scopes.join(" ") } })]
  }
}

/** The server names another authorization server, for which the configured client may not be meant. */
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
    return `${nameOf(this)} now signs in at ${printable(this.now)} instead of ${printable(this.before)}, where its "client_id" was used. Nothing was sent there.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.set(
        Remedy.oauthOf(this.server),
        { client_id: null, issuer: this.now },
        "a client is registered at the new one"
      )
    ]
  }
}

/** The authorization server or the user refused the sign-in (RFC 6749 §4.1.2.1). */
export class SignInRefused extends Schema.TaggedError<SignInRefused>()("SignInRefused", {
  server: Schema.String,
  account,
  error: Schema.String,
  description: Schema.optionalKey(Schema.String),
  /** True: a device code was refused (RFC 8628). Absent: the answer came with the browser. */
  device: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    const answer = this.description === undefined ? this.error : `${this.error}: ${this.description}`
    return `The sign-in to ${nameOf(this)} was refused (${answer}).`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    switch (this.error) {
      case "access_denied":
      // The user left the page (OpenID Connect Core §3.1.2.6), or the server could not answer.
      case "login_required":
      case "consent_required":
      case "interaction_required":
      case "account_selection_required":
      case "server_error":
      case "temporarily_unavailable":
        return [
          login(this, {
            ...(this.device === true ? { options: { device: true } } : {}),
            purpose: "try again"
          })
        ]
      case "invalid_scope":
        return [Remedy.check(Remedy.oauthOf(this.server), ["scopes"]), Remedy.doctor(this.server)]
      default:
        return [Remedy.checkOAuth(this.server), Remedy.doctor(this.server)]
    }
  }
}

/** The user did not approve in time. */
export class SignInTimedOut extends Schema.TaggedError<SignInTimedOut>()("SignInTimedOut", {
  server: Schema.String,
  account,
  /** How long the flow waited. */
  seconds: Schema.Finite,
  /** True: a device code expired before it was approved (RFC 8628). Absent: the browser did not come back. */
  device: Schema.optionalKey(Schema.Boolean),
  /** True: the client was registered for an earlier sign-in, so the server may have forgotten it, and it was dropped. */
  isClientDropped: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    const time = plural(this.seconds, "second")
    return this.device === true
      ? `The code for ${nameOf(this)} was not approved within ${time} and has expired.`
      : `No answer from the browser within ${time} for ${nameOf(this)}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    if (this.device === true) return [login(this, { options: { device: true }, purpose: "get another code" })]
    const longer = String(Math.ceil(this.seconds * 2))
    return [
      login(this, {
        purpose:
          this.isClientDropped === true ? "try again with a client that is registered again" : "try again"
      }),
      login(this, { options: { "callback-timeout": longer }, purpose: `wait ${longer} seconds` }),
      // A server shows an unknown client or redirect URI in the browser, and sends it nowhere.
      Remedy.command("auth doctor", {
        server: this.server,
        purpose: "check the configuration, if the browser showed an error"
      })
    ]
  }
}

/** The browser came back with the `state` of this flow, and with an answer that must not be trusted. */
export class CallbackRejected extends Schema.TaggedError<CallbackRejected>()("CallbackRejected", {
  server: Schema.String,
  account,
  detail: Schema.String
}) {
  override get message(): string {
    return `The answer to the sign-in to ${nameOf(this)} was rejected: ${this.detail}. No token was requested.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [login(this, { purpose: "try again" }), Remedy.advice("If it happens again, tell the provider.")]
  }
}

/** The authorization server does not announce PKCE with S256, which MCP requires. */
export class PkceUnsupported extends Schema.TaggedError<PkceUnsupported>()("PkceUnsupported", {
  server: Schema.String,
  issuer: Schema.String,
  /** The methods that its metadata announces; absent: the metadata does not mention PKCE. */
  announced: Schema.optionalKey(Schema.Array(Schema.String))
}) {
  override get message(): string {
    const { announced } = this
    const listed = announced?.length === 0 ? "none" : printable(announced?.join(" ") ?? "")
    const instead = announced === undefined ? "" : ` (it lists: ${listed})`
    return `${printable(this.issuer)} does not announce PKCE with S256${instead}, which MCP requires, so the sign-in to ${this.server} was not started.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const oauth = Remedy.oauthOf(this.server)
    const assume = Remedy.set(
      oauth,
      { assume_pkce: true },
      "its provider supports S256 without announcing it"
    )
    const omit = Remedy.set(oauth, { use_pkce: false }, "its provider tells you to sign in without PKCE")
    return [assume, omit]
  }
}

/** A device code was requested, and the authorization server issues none (RFC 8628 §4). */
export class DeviceCodeNotOffered extends Schema.TaggedError<DeviceCodeNotOffered>()("DeviceCodeNotOffered", {
  server: Schema.String,
  account,
  issuer: Schema.String
}) {
  override get message(): string {
    return `${printable(this.issuer)}, where ${nameOf(this)} signs in, offers no device codes.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      login(this, { options: { browser: false }, purpose: "sign in from another machine" }),
      Remedy.advice("Open the address there, then paste back the address at which the browser ended.")
    ]
  }
}

/** Tokens must be bound to a key, and the authorization server does not announce DPoP with ES256 (RFC 9449 §5.1). */
export class DpopUnsupported extends Schema.TaggedError<DpopUnsupported>()("DpopUnsupported", {
  server: Schema.String,
  issuer: Schema.String,
  /** True: the MCP server accepts no other tokens. False: the configuration requires it. */
  required: Schema.Boolean
}) {
  override get message(): string {
    const reason = this.required
      ? `${this.server} accepts no tokens without it`
      : `"dpop": true in the oauth block of ${this.server} requires it`
    return `${printable(this.issuer)} does not announce DPoP with ES256, and ${reason}.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [
      ...(this.required ? [] : [Remedy.remove(Remedy.oauthOf(this.server), ["dpop"])]),
      Remedy.advice(`Tell the provider of ${this.server}.`)
    ]
  }
}

/**
 * The authorization server does not know the client, or its secret is wrong (RFC 6749 §5.2 `invalid_client`; some servers
 * say `unauthorized_client`).
 */
export class ClientRejected extends Schema.TaggedError<ClientRejected>()("ClientRejected", {
  server: Schema.String,
  hasSecret: Schema.Boolean,
  /** The client signs assertions, and has no secret to send. */
  signs: Schema.optionalKey(Schema.Boolean),
  /** The address of the document that is the client; absent: the client has a `client_id`. */
  metadataUrl: Schema.optionalKey(Schema.String),
  /** What the server said. */
  answer: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("invalid_client")))
}) {
  /** The error for a client that the configuration names. Undefined for a dynamic one, which can be registered again. */
  static of(
    { name, oauth: { source } }: RemoteServer,
    registration: ClientRegistration,
    failure: InvalidClient
  ): ClientRejected | undefined {
    const answer = answerText(failure)
    switch (registration._tag) {
      case "Configured":
        return new ClientRejected({
          server: name,
          answer,
          hasSecret: source.client?.clientSecret !== undefined,
          ...(source.client?.signingKey === undefined ? {} : { signs: true })
        })
      case "MetadataDocument":
        return new ClientRejected({
          server: name,
          answer,
          hasSecret: false,
          metadataUrl: registration.clientId
        })
      case "Dynamic":
        return undefined
    }
  }

  override get message(): string {
    const client =
      this.metadataUrl === undefined
        ? "the configured client"
        : `the client that ${this.metadataUrl} describes`
    return `The authorization server of ${this.server} does not accept ${client} (${this.answer}).`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    if (this.metadataUrl !== undefined) {
      return [
        Remedy.command("auth client-metadata", {
          server: this.server,
          purpose: "see what has to be published at that address"
        })
      ]
    }
    const oauth = Remedy.oauthOf(this.server)
    const method = Remedy.check(oauth, ["token_endpoint_auth_method"], "they are right")
    const doctor = Remedy.doctor(this.server)
    if (this.signs === true) {
      return [Remedy.check(oauth, ["client_id", "private_key", "private_key_id"]), method, doctor]
    }
    return this.hasSecret
      ? [Remedy.check(oauth, ["client_id", "client_secret"]), method, doctor]
      : [
          Remedy.check(oauth, ["client_id"]),
          Remedy.set(oauth, { client_secret: null }, "its provider gave you one"),
          doctor
        ]
  }
}

/** The tokens could not be revoked (RFC 7009), so the sign-in was not forgotten either. */
export class RevocationFailed extends Schema.TaggedError<RevocationFailed>()("RevocationFailed", {
  server: Schema.String,
  account,
  /** What went wrong, as a sentence. */
  detail: Schema.String,
  /** What fixes that. */
  fixes: Schema.Array(Remedy.Remedy)
}) {
  override get message(): string {
    return `The sign-in to ${nameOf(this)} could not be revoked, and is still stored: ${this.detail}`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const { account, server } = this
    return [
      ...this.fixes,
      Remedy.command("auth logout", { server, account, purpose: "try again" }),
      Remedy.command("auth reset", { server, account, purpose: "forget it on this machine only" })
    ]
  }
}
