import { type ClientAuthenticationMethod, clientAuthenticationMethods } from "./Server.ts"

const isMethod = (method: string): method is ClientAuthenticationMethod =>
  (clientAuthenticationMethods as ReadonlyArray<string>).includes(method)

/**
 * The ways to authenticate at the token endpoint, best first; a later one is tried only after `invalid_client`.
 * What the configuration says or what worked before is the only one; else what the server's metadata lists; else
 * Basic, and post after it (RFC 6749 §2.3.1, RFC 8414 §2). A client that signs does that (RFC 7523 §2.2); one without a
 * key and without a secret has `none`.
 */
export const authenticationMethods = (options: {
  readonly hasSecret: boolean
  /** It has a private key to sign with. */
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
