import { Option, Schema } from "effect"
import {
  type DecodedSignIns,
  type ForeignSignIn,
  fromSeconds,
  jsonOf,
  maybe,
  present,
  Secret
} from "./ForeignSignIn.ts"

const Profiles = Schema.Struct({
  profiles: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Unknown))
})
const Profile = Schema.Struct({ oauthIssuer: maybe(Schema.String) })

const Tokens = Schema.Struct({
  accessToken: Secret,
  refreshToken: maybe(Secret),
  /** Seconds since the epoch. */
  expiresAt: maybe(Schema.Finite),
  scope: maybe(Schema.String)
})
const Client = Schema.Struct({ clientId: Schema.NonEmptyString, clientSecret: maybe(Secret) })

const decodedAt = <S extends Schema.Decoder<unknown>>(
  secrets: ReadonlyMap<string, string>,
  account: string,
  schema: S
): S["Type"] | undefined => {
  const text = secrets.get(account)
  return text === undefined
    ? undefined
    : Option.getOrUndefined(Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(schema)))
}

/**
 * Decodes the profiles of mcpc 0.2.6. None: `profiles.json` is written in an unknown way.
 *
 * @param profilesText `profiles.json`, which names the servers
 * @param secrets the JSON texts by account, of the keyring or of `credentials.json`
 */
export const mcpcSignIns = (
  profilesText: string,
  secrets: ReadonlyMap<string, string>
): Option.Option<DecodedSignIns> =>
  Option.flatMap(jsonOf(profilesText), Schema.decodeUnknownOption(Profiles)).pipe(
    Option.map(({ profiles }) => {
      const signIns: Array<ForeignSignIn> = []
      const unknown: Array<string> = []
      for (const [serverUrl, ofServer] of Object.entries(profiles)) {
        const host = URL.parse(serverUrl)?.host
        if (host === undefined) continue
        for (const [profile, entry] of Object.entries(ofServer)) {
          const account = `auth-profile:${host}:${profile}`
          const tokens = decodedAt(secrets, `${account}:tokens`, Tokens)
          const client = decodedAt(secrets, `${account}:client`, Client)
          const name = profile === "default" ? host : `${host} (${profile})`
          if (tokens === undefined && secrets.has(`${account}:tokens`)) unknown.push(name)
          if (tokens === undefined) continue
          const issuer = Option.getOrUndefined(Schema.decodeUnknownOption(Profile)(entry))?.oauthIssuer
          signIns.push({
            name,
            serverUrl,
            tokens: {
              accessToken: tokens.accessToken,
              ...present({
                refreshToken: tokens.refreshToken,
                expiresAt: fromSeconds(tokens.expiresAt),
                scope: tokens.scope
              })
            },
            ...present({
              issuer,
              client: client && {
                clientId: client.clientId,
                ...present({ clientSecret: client.clientSecret })
              }
            })
          })
        }
      }
      return { signIns, unknown }
    })
  )

/** Decodes `credentials.json` of mcpc: JSON texts by account. None: it is written in an unknown way. */
export const mcpcSecrets = (text: string): Option.Option<ReadonlyMap<string, string>> =>
  Option.flatMap(jsonOf(text), Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))).pipe(
    Option.map(
      (entries) =>
        new Map(
          Object.entries(entries).flatMap(([name, value]) =>
            typeof value === "string" ? [[name, value]] : []
          )
        )
    )
  )
