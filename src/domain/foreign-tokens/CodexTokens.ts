import { Option, Schema } from "effect"
import {
  type DecodedSignIns,
  decodeEach,
  fieldsOf,
  type ForeignSignIn,
  fromMilliseconds,
  jsonOf,
  maybe,
  present,
  Secret,
  tokensOf,
  WireTokens
} from "./ForeignSignIn.ts"

const FileEntry = Schema.Struct({
  server_name: Schema.String,
  server_url: Schema.String,
  client_id: Schema.NonEmptyString,
  access_token: Secret,
  /** Milliseconds since the epoch. */
  expires_at: maybe(Schema.Finite),
  refresh_token: maybe(Secret),
  scopes: maybe(Schema.Array(Schema.String))
})

const KeyringEntry = Schema.Struct({
  server_name: Schema.String,
  url: Schema.String,
  client_id: Schema.NonEmptyString,
  token_response: WireTokens,
  /** Milliseconds since the epoch. */
  expires_at: maybe(Schema.Finite)
})

/** Decodes `.credentials.json` of Codex. None: it is written in an unknown way. */
export const codexSignIns = (text: string): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(text), fieldsOf).pipe(
    Option.map((entries) =>
      decodeEach(entries, FileEntry, (_, entry) => ({
        name: entry.server_name,
        serverUrl: entry.server_url,
        client: { clientId: entry.client_id },
        tokens: {
          accessToken: entry.access_token,
          ...present({
            refreshToken: entry.refresh_token,
            expiresAt: fromMilliseconds(entry.expires_at),
            scope: entry.scopes?.length ? entry.scopes.join(" ") : undefined
          })
        }
      }))
    )
  )

/** Decodes an entry of Codex in the keyring. None: it is written in an unknown way. */
export const codexKeyringSignIn = (text: string): Option.Option<ForeignSignIn> =>
  Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(KeyringEntry)).pipe(
    Option.map(({ client_id, expires_at, server_name, token_response, url }) => ({
      name: server_name,
      serverUrl: url,
      client: { clientId: client_id },
      tokens: tokensOf(token_response, fromMilliseconds(expires_at))
    }))
  )
