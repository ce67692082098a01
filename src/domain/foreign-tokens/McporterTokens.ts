import { Option, Schema } from "effect"
import {
  clientOf,
  type DecodedSignIns,
  decodeEach,
  fieldsOf,
  fromSeconds,
  jsonOf,
  maybe,
  present,
  tokensOf,
  WireClient,
  WireTokens
} from "./ForeignSignIn.ts"

const Vault = Schema.Struct({ entries: Schema.Record(Schema.String, Schema.Unknown) })

const Entry = Schema.Struct({
  serverName: Schema.String,
  serverUrl: maybe(Schema.String),
  tokens: maybe(
    Schema.Struct({
      ...WireTokens.fields,
      /** Seconds since the epoch. */
      expires_at: maybe(Schema.Finite),
      expiresAt: maybe(Schema.Finite)
    })
  ),
  clientInfo: maybe(WireClient)
})

/** Decodes `credentials.json` of mcporter 0.12.3. None: it is written in an unknown way. */
export const mcporterSignIns = (text: string): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(Vault)).pipe(
    Option.flatMap(({ entries }) => fieldsOf(entries)),
    Option.map((entries) =>
      decodeEach(entries, Entry, (_, { clientInfo, serverName, serverUrl, tokens }) => ({
        name: serverName,
        ...present({
          // A program that is started has no URL, and its sign-in is of no use to us.
          serverUrl: serverUrl ?? "",
          tokens: tokens && tokensOf(tokens, fromSeconds(tokens.expires_at ?? tokens.expiresAt)),
          client: clientInfo && clientOf(clientInfo)
        })
      }))
    )
  )
