import { Option, Schema } from "effect"
import {
  type DecodedSignIns,
  decodeEach,
  fromMilliseconds,
  jsonOf,
  maybe,
  present,
  Secret
} from "./ForeignSignIn.ts"

const Entry = Schema.Struct({
  serverName: Schema.String,
  token: Schema.Struct({
    accessToken: Secret,
    refreshToken: maybe(Secret),
    /** Milliseconds since the epoch. */
    expiresAt: maybe(Schema.Finite),
    scope: maybe(Schema.String)
  }),
  clientId: maybe(Schema.NonEmptyString),
  tokenUrl: maybe(Schema.String),
  mcpServerUrl: maybe(Schema.String)
})

const decoded = (entries: ReadonlyArray<unknown>): DecodedSignIns =>
  decodeEach(
    entries.map((entry, index) => [`entry ${index + 1}`, entry] as const),
    Entry,
    (_, { clientId, mcpServerUrl, serverName, token, tokenUrl }) => ({
      name: serverName,
      tokens: {
        accessToken: token.accessToken,
        ...present({
          refreshToken: token.refreshToken,
          expiresAt: fromMilliseconds(token.expiresAt),
          scope: token.scope
        })
      },
      ...present({
        serverUrl: mcpServerUrl ?? "",
        tokenEndpoint: tokenUrl,
        client: clientId ? { clientId } : undefined
      })
    })
  )

/** Decodes `mcp-oauth-tokens.json` of Gemini CLI. None: it is written in an unknown way. */
export const geminiSignIns = (text: string): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(Schema.Array(Schema.Unknown))).pipe(
    Option.map(decoded)
  )

const Sealed = Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.String))

/** Decodes the content of Gemini CLI's encrypted file: JSON texts by service and account. None: it is written in an unknown way. */
export const geminiSealedSignIns = (text: string): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(Sealed)).pipe(
    Option.map((services) => {
      const service = "gemini-cli-oauth"
      const entries = Object.hasOwn(services, service) ? Object.values(services[service] ?? {}) : []
      return decoded(entries.map((entry) => Option.getOrNull(jsonOf(entry))))
    })
  )
