import { Option, Schema } from "effect"
import {
  type DecodedSignIns,
  decodeEach,
  fieldsOf,
  fromMilliseconds,
  jsonOf,
  maybe,
  present,
  Secret
} from "./ForeignSignIn.ts"

const Blob = Schema.Struct({
  mcpOAuth: maybe(Schema.Record(Schema.String, Schema.Unknown)),
  mcpOAuthClientConfig: maybe(Schema.Record(Schema.String, Schema.Unknown))
})

const Entry = Schema.Struct({
  serverName: Schema.String,
  serverUrl: Schema.String,
  /** Empty after a sign-in that was cancelled. */
  accessToken: maybe(Schema.String),
  refreshToken: maybe(Schema.String),
  /** Milliseconds since the epoch, with fractions. */
  expiresAt: maybe(Schema.Finite),
  scope: maybe(Schema.String),
  clientId: maybe(Schema.NonEmptyString),
  clientSecret: maybe(Secret),
  discoveryState: maybe(Schema.Struct({ authorizationServerUrl: maybe(Schema.String) }))
})
const ClientConfiguration = Schema.Struct({ clientSecret: maybe(Secret) })

const secretOf = Schema.decodeUnknownOption(Secret)

/**
 * Decodes `.credentials.json` of Claude Code, or the entry of the same content in the keychain of macOS. The sign-in to Claude
 * itself, which is beside them, is not read. None: it is written in an unknown way.
 */
export const claudeCodeSignIns = (text: string): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(Blob)).pipe(
    Option.map(({ mcpOAuth, mcpOAuthClientConfig }) => {
      const configured = mcpOAuthClientConfig ?? {}
      return decodeEach(
        Option.getOrElse(fieldsOf(mcpOAuth), () => []),
        Entry,
        (key, entry) => {
          const accessToken = Option.getOrUndefined(secretOf(entry.accessToken))
          const extra = Object.hasOwn(configured, key) ? configured[key] : undefined
          const secret =
            entry.clientSecret ??
            Option.getOrUndefined(Schema.decodeUnknownOption(ClientConfiguration)(extra))?.clientSecret
          const { clientId, discoveryState, expiresAt, scope, serverName, serverUrl } = entry
          return {
            name: serverName,
            serverUrl,
            ...present({
              issuer: discoveryState?.authorizationServerUrl,
              client: clientId ? { clientId, ...present({ clientSecret: secret }) } : undefined,
              tokens: accessToken && {
                accessToken,
                ...present({
                  refreshToken: Option.getOrUndefined(secretOf(entry.refreshToken)),
                  expiresAt: fromMilliseconds(expiresAt),
                  scope: scope === "" ? undefined : scope
                })
              }
            })
          }
        }
      )
    })
  )
