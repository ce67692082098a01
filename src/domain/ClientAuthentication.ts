import { type ClientAuthenticationMethod, clientAuthenticationMethods } from "./Server.ts"

const isMethod = (method: string): method is ClientAuthenticationMethod =>
  (clientAuthenticationMethods as ReadonlyArray<string>).includes(method)

/**
 * The methods to authenticate a client with, in order; a later one is tried only after `invalid_client`.
 *
 * - The configured method, or the one that worked before, is the only one.
 * - A client with a key signs (RFC 7523 §2.2); one with neither key nor secret has `none`.
 * - A client with a secret uses the method in the metadata of the server, else Basic, then post (RFC 6749 §2.3.1, RFC 8414
 *   §2).
 */
export const authenticationMethods = (options: {
  readonly hasSecret: boolean
  /** The client has a private key. */
  readonly signs?: boolean
  readonly decided: ClientAuthenticationMethod | undefined
  readonly supported: ReadonlyArray<string> | undefined
}): readonly [ClientAuthenticationMethod, ...Array<ClientAuthenticationMethod>] => {
  if (options.decided !== undefined) return [options.decided]
  if (options.signs === true) return ["private_key_jwt"]
  if (!options.hasSecret) return ["none"]
  const listed = options.supported?.filter(isMethod) ?? []
  if (listed.includes("client_secret_basic")) return ["client_secret_basic"]
  if (listed.includes("client_secret_post")) return ["client_secret_post"]
  return ["client_secret_basic", "client_secret_post"]
}
