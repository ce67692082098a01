import { Option, Schema } from "effect"
import {
  clientOf,
  type ForeignSignIn,
  fromMilliseconds,
  jsonOf,
  maybe,
  present,
  tokensOf,
  WireClient,
  WireTokens
} from "./ForeignSignIn.ts"

const Tokens = Schema.Struct({
  ...WireTokens.fields,
  /** Milliseconds since the epoch. Older versions have none. */
  expires_at: maybe(Schema.Finite),
  issuer: maybe(Schema.String)
})
const Client = Schema.Struct({ ...WireClient.fields, issuer: maybe(Schema.String) })

/**
 * Decodes the two files that mcp-remote 0.15.1 has for a server: `<hash>_tokens.json` and `<hash>_client_info.json`. Neither names
 * the server. None: the text of the tokens is written in an unknown way.
 */
export const mcpRemoteSignIn = (
  serverUrl: string,
  tokensText: string,
  clientText: string | undefined
): Option.Option<ForeignSignIn> =>
  Option.flatMap(jsonOf(tokensText), Schema.decodeUnknownOption(Tokens)).pipe(
    Option.map((tokens) => {
      const client =
        clientText === undefined
          ? undefined
          : Option.getOrUndefined(Option.flatMap(jsonOf(clientText), Schema.decodeUnknownOption(Client)))
      return {
        name: serverUrl,
        serverUrl,
        tokens: tokensOf(tokens, fromMilliseconds(tokens.expires_at)),
        ...present({
          issuer: tokens.issuer ?? client?.issuer,
          client: client === undefined ? undefined : clientOf(client)
        })
      }
    })
  )
