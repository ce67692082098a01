import { Option, Schema } from "effect"
import {
  type DecodedSignIns,
  decodeEach,
  fieldsOf,
  fromSeconds,
  jsonOf,
  maybe,
  present,
  Secret
} from "./ForeignSignIn.ts"

const Entry = Schema.Struct({
  tokens: maybe(
    Schema.Struct({
      accessToken: Secret,
      refreshToken: maybe(Secret),
      /** Seconds since the epoch. */
      expiresAt: maybe(Schema.Finite),
      scope: maybe(Schema.String)
    })
  ),
  clientInfo: maybe(
    Schema.Struct({
      clientId: Schema.NonEmptyString,
      clientSecret: maybe(Secret),
      clientSecretExpiresAt: maybe(Schema.Finite)
    })
  ),
  serverUrl: maybe(Schema.String)
})

/** Decodes `mcp-auth.json` of opencode. None: it is written in an unknown way. */
export const opencodeSignIns = (text: string): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(text), fieldsOf).pipe(
    Option.map((entries) =>
      decodeEach(entries, Entry, (name, { clientInfo, serverUrl, tokens }) => ({
        name,
        ...present({
          // opencode itself uses no tokens whose URL it does not know.
          serverUrl: serverUrl ?? "",
          client: clientInfo && {
            clientId: clientInfo.clientId,
            ...present({
              clientSecret: clientInfo.clientSecret,
              secretExpiresAt: fromSeconds(clientInfo.clientSecretExpiresAt)
            })
          },
          tokens: tokens && {
            accessToken: tokens.accessToken,
            ...present({
              refreshToken: tokens.refreshToken,
              expiresAt: fromSeconds(tokens.expiresAt),
              scope: tokens.scope
            })
          }
        })
      }))
    )
  )
