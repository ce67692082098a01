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

/** The file with the tokens of one server. */
interface TokensFile {
  readonly text: string
  /** When it was written, in milliseconds since the epoch. */
  readonly modifiedAt: number
}

/** When the access token expires. Older versions write what the server answered, and only when it has answered. */
const endOf = (tokens: typeof Tokens.Type, { modifiedAt }: TokensFile): number | undefined =>
  fromMilliseconds(tokens.expires_at) ??
  (typeof tokens.expires_in === "number"
    ? fromMilliseconds(modifiedAt + tokens.expires_in * 1000)
    : undefined)

/**
 * Decodes the two files that mcp-remote 0.15.1 has for a server: `<hash>_tokens.json` and `<hash>_client_info.json`. Neither names
 * the server. None: the text of the tokens is written in an unknown way.
 */
export const mcpRemoteSignIn = (
  serverUrl: string,
  file: TokensFile,
  clientText: string | undefined
): Option.Option<ForeignSignIn> =>
  Option.flatMap(jsonOf(file.text), Schema.decodeUnknownOption(Tokens)).pipe(
    Option.map((tokens) => {
      const client =
        clientText === undefined
          ? undefined
          : Option.getOrUndefined(Option.flatMap(jsonOf(clientText), Schema.decodeUnknownOption(Client)))
      return {
        name: serverUrl,
        serverUrl,
        tokens: tokensOf(tokens, endOf(tokens, file)),
        ...present({
          issuer: tokens.issuer ?? client?.issuer,
          client: client === undefined ? undefined : clientOf(client)
        })
      }
    })
  )
