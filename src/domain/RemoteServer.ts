import { Schema } from "effect"
import {
  type ConfiguredClient,
  defaultOAuth,
  type OAuthSettings,
  type RemoteServer,
  type SecretSource,
  type SigningKey
} from "./Server.ts"
import { addressProblem, notUrlProblem, scopeProblem, serverNameProblem } from "./ServerRules.ts"

/** An argument of {@link remoteServer} cannot be used. */
export class InvalidServer extends Schema.TaggedError<InvalidServer>()("InvalidServer", {
  argument: Schema.Literals(["url", "name", "scopes", "client", "redirectUri"]),
  /** What is wrong, as a phrase about the argument. Never the value. */
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.argument}: ${this.problem}`
  }
}

/** What a program can configure beside the URL of a server. */
export interface RemoteServerOptions {
  /**
   * The name that credentials are stored under. Default: the host of the URL. Servers on one host need different names.
   * The name in `server_config.json` shares the sign-ins of the CLI; `createAuthorizedFetch` finds it by the URL.
   */
  readonly name?: string | undefined
  /** The scopes to request. Empty: none. Default: the scopes that the server requests. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** A client that is registered at the authorization server. Default: dynamic registration, or a client metadata document. */
  readonly client?:
    | {
        readonly clientId: string
        readonly clientSecret?: SecretSource | undefined
        readonly signingKey?: SigningKey | undefined
      }
    | undefined
  /** Where the browser returns to: https, or http on loopback. Default: `http://localhost:8080/callback`. */
  readonly redirectUri?: string | URL | undefined
  /** Other OAuth settings. A `source` in it has its own client, and replaces `client`. */
  readonly oauth?: Partial<Omit<OAuthSettings, "scopes" | "redirectUri">> | undefined
}

/** Throws if there is a problem with an argument. */
const check = (argument: InvalidServer["argument"], problem: string | undefined): void => {
  if (problem !== undefined) throw new InvalidServer({ argument, problem })
}

const addressOf = (argument: "url" | "redirectUri", text: string | URL): URL => {
  const address = URL.parse(text)
  if (address === null) throw new InvalidServer({ argument, problem: notUrlProblem(String(text)) })
  check(argument, addressProblem(address))
  return address
}

const clientOf = (client: RemoteServerOptions["client"]): ConfiguredClient | undefined => {
  if (client === undefined) return undefined
  check("client", client.clientId === "" ? "must have a clientId that is not empty" : undefined)
  return { ...client, clientSecret: client.clientSecret }
}

/**
 * Makes a server from its URL, which must be https, or http on loopback.
 *
 * **Gotchas**
 *
 * Throws {@link InvalidServer}, as `new URL` throws: the arguments are the program's own. For a URL of a user, decode
 * `{ "url": ... }` by `serverFromJson`, whose errors are in the error channel.
 */
export const remoteServer = (url: string | URL, options: RemoteServerOptions = {}): RemoteServer => {
  const address = addressOf("url", url)
  const { name = address.host, oauth, redirectUri, scopes } = options
  check("name", serverNameProblem(name))
  for (const scope of scopes ?? []) check("scopes", scopeProblem(scope))
  return {
    _tag: "Http",
    name,
    url: address,
    headers: {},
    transport: "auto",
    oauth: {
      ...defaultOAuth,
      source: { _tag: "Discovered", client: clientOf(options.client) },
      ...oauth,
      scopes,
      redirectUri:
        redirectUri === undefined ? defaultOAuth.redirectUri : addressOf("redirectUri", redirectUri)
    }
  }
}
