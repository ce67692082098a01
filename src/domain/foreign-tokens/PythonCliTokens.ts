import { Option, Schema } from "effect"
import {
  clientOf,
  type ForeignSignIn,
  fromSeconds,
  jsonOf,
  maybe,
  present,
  tokensOf,
  WireClient,
  WireTokens
} from "./ForeignSignIn.ts"

const Tokens = Schema.Struct({
  ...WireTokens.fields,
  /** Seconds since the epoch, as a fraction. */
  issued_at: maybe(Schema.Finite)
})

/** The second copy of the tokens, which newer versions keep. */
const Stored = Schema.Struct({ token_type: Schema.Literal("oauth"), data: Tokens })

/**
 * Decodes the tokens of the Python program mcp-cli: an entry of the keyring, a decrypted file, or the data of a secret of Vault.
 * None: it is written in an unknown way.
 *
 * @param name of the server in `server_config.json`
 * @param clientText the client that was registered for it
 */
export const pythonCliSignIn = (
  name: string,
  text: string,
  clientText: string | undefined
): Option.Option<ForeignSignIn> =>
  Option.flatMap(jsonOf(text), (json) =>
    Option.orElse(Schema.decodeUnknownOption(Tokens)(json), () =>
      Option.map(Schema.decodeUnknownOption(Stored)(json), ({ data }) => data)
    )
  ).pipe(
    Option.map((tokens) => {
      const { expires_in: lifetime, issued_at: issued } = tokens
      const knowsEnd = typeof lifetime === "number" && typeof issued === "number"
      const client =
        clientText === undefined
          ? Option.none()
          : Option.flatMap(jsonOf(clientText), Schema.decodeUnknownOption(WireClient))
      return {
        name,
        tokens: tokensOf(tokens, knowsEnd ? fromSeconds(issued + lifetime) : undefined),
        ...present({ client: Option.getOrUndefined(Option.map(client, clientOf)) })
      }
    })
  )
