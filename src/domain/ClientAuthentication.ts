import { type ClientAuthenticationMethod, clientAuthenticationMethods } from "./Server.ts"

/**
 * HTTP Basic with the `client_id` in the body as well, which the Python MCP SDK requires. It is not a second method of
 * authentication (RFC 6749 §2.3), but some servers take it for one, so it is tried last.
 */
export const basicWithClientId = "client_secret_basic with client_id"

/** Every way in which a request authenticates: the methods of the configuration, and {@link basicWithClientId}. */
export const requestAuthentications = [...clientAuthenticationMethods, basicWithClientId] as const

/** One of {@link requestAuthentications}. */
export type RequestAuthentication = (typeof requestAuthentications)[number]

/** The methods that send a secret, the one that every server must support first (RFC 6749 §2.3.1). */
const secretMethods = ["client_secret_basic", "client_secret_post"] as const

/**
 * The ways to authenticate a client, in order. A later one is tried only after the authentication has failed.
 *
 * - A configured method is the only one.
 * - A client with a key signs (RFC 7523 §2.2); one with neither key nor secret has `none`.
 * - A client with a secret begins with the preferred method, then uses those in the metadata of the server, else Basic and
 *   post (RFC 6749 §2.3.1, RFC 8414 §2).
 */
export const authenticationMethods = (options: {
  readonly hasSecret: boolean
  /** The client has a private key. */
  readonly signs?: boolean
  /** The method of the configuration, or of a provider that is known. */
  readonly decided: ClientAuthenticationMethod | undefined
  /** The method that worked before, or that the client is registered for. */
  readonly preferred?: RequestAuthentication | undefined
  readonly supported: ReadonlyArray<string> | undefined
}): readonly [RequestAuthentication, ...Array<RequestAuthentication>] => {
  const { decided, hasSecret, preferred, signs, supported } = options
  if (decided === "client_secret_basic") {
    return preferred === basicWithClientId ? [preferred, decided] : [decided, basicWithClientId]
  }
  if (decided !== undefined) return [decided]
  if (signs === true) return ["private_key_jwt"]
  if (!hasSecret) return ["none"]
  const listed = secretMethods.filter((method) => supported?.includes(method))
  const methods: ReadonlyArray<RequestAuthentication> = listed.length === 0 ? secretMethods : listed
  const usable = methods.includes("client_secret_basic")
    ? ([...methods, basicWithClientId] as const)
    : methods
  const [first = "client_secret_basic", ...others] = usable
  return preferred === undefined
    ? [first, ...others]
    : [preferred, ...usable.filter((method) => method !== preferred)]
}
