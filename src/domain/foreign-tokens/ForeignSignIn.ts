import { Option, type Redacted, Result, Schema } from "effect"

/** A client that another program has registered or was given. */
export interface ForeignClient {
  readonly clientId: string
  readonly clientSecret?: Redacted.Redacted
  /** Milliseconds since the epoch. Absent: the secret does not expire. */
  readonly secretExpiresAt?: number
  readonly redirectUri?: string
  /** As it is registered (RFC 7591 §2). */
  readonly tokenEndpointAuthMethod?: string
}

/** The tokens of another program. Times are milliseconds since the epoch. */
export interface ForeignTokens {
  readonly accessToken: Redacted.Redacted
  readonly refreshToken?: Redacted.Redacted
  /** Absent: the program does not know it. */
  readonly expiresAt?: number
  readonly scope?: string
}

/** A sign-in that another program stores. */
export interface ForeignSignIn {
  /** What the program calls it, or its URL. For the user; it may be hostile text. */
  readonly name: string
  /** The URL of the MCP server. Absent: the program knows servers by their names in `server_config.json`. */
  readonly serverUrl?: string
  readonly issuer?: string
  readonly tokenEndpoint?: string
  readonly client?: ForeignClient
  readonly tokens?: ForeignTokens
}

/** What a file or an entry of another program has. */
export interface DecodedSignIns {
  readonly signIns: ReadonlyArray<ForeignSignIn>
  /** Names of entries that are written in an unknown way. */
  readonly unknown: ReadonlyArray<string>
}

/** A field that may be absent or null. */
export const maybe = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** A secret that is not empty. */
export const Secret = Schema.RedactedFromValue(Schema.NonEmptyString)

/** Parses JSON. None: it is not. */
export const jsonOf = (text: string): Option.Option<unknown> =>
  Result.getSuccess(Result.try((): unknown => JSON.parse(text.replace(/^\uFEFF/, ""))))

/** An object without the fields that are undefined or null. */
export const present = <A extends Readonly<Record<string, unknown>>>(
  fields: A
): { readonly [K in keyof A]?: Exclude<A[K], undefined | null> } =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  ) as never

/** Seconds as milliseconds. */
export const fromSeconds = (seconds: number | null | undefined): number | undefined =>
  seconds === undefined || seconds === null || seconds <= 0 ? undefined : Math.floor(seconds * 1000)

/** Milliseconds; other programs write 0 for unknown, and fractions. */
export const fromMilliseconds = (time: number | null | undefined): number | undefined =>
  time === undefined || time === null || time <= 0 ? undefined : Math.floor(time)

/** The response of a token endpoint (RFC 6749 §5.1) as programs store it. */
export const WireTokens = Schema.Struct({
  access_token: Secret,
  token_type: maybe(Schema.String),
  expires_in: maybe(Schema.Finite),
  refresh_token: maybe(Secret),
  scope: maybe(Schema.String)
})

/** The tokens of {@link WireTokens}. */
export const tokensOf = (
  { access_token, refresh_token, scope }: typeof WireTokens.Type,
  expiresAt: number | undefined
): ForeignTokens => ({
  accessToken: access_token,
  ...present({ refreshToken: refresh_token, expiresAt, scope: scope === "" ? undefined : scope })
})

/** The response of a registration (RFC 7591 §3.2.1) as programs store it. */
export const WireClient = Schema.Struct({
  client_id: Schema.NonEmptyString,
  client_secret: maybe(Secret),
  client_secret_expires_at: maybe(Schema.Finite),
  redirect_uris: maybe(Schema.Array(Schema.String)),
  token_endpoint_auth_method: maybe(Schema.String)
})

/** The client of {@link WireClient}. */
export const clientOf = (client: typeof WireClient.Type): ForeignClient => ({
  clientId: client.client_id,
  ...present({
    clientSecret: client.client_secret,
    secretExpiresAt: fromSeconds(client.client_secret_expires_at),
    redirectUri: client.redirect_uris?.[0],
    tokenEndpointAuthMethod: client.token_endpoint_auth_method
  })
})

/** Decodes each entry separately, so that one that is damaged does not hide the others. */
export const decodeEach = <S extends Schema.Decoder<unknown>>(
  entries: Iterable<readonly [name: string, entry: unknown]>,
  schema: S,
  signInOf: (name: string, entry: S["Type"]) => ForeignSignIn | undefined
): DecodedSignIns => {
  const signIns: Array<ForeignSignIn> = []
  const unknown: Array<string> = []
  const decode = Schema.decodeUnknownOption(schema)
  for (const [name, entry] of entries) {
    const decoded = decode(entry)
    if (Option.isNone(decoded)) {
      unknown.push(name)
      continue
    }
    const signIn = signInOf(name, decoded.value)
    if (signIn !== undefined) signIns.push(signIn)
  }
  return { signIns, unknown }
}

/** The fields of an object. None: it is no object. */
export const fieldsOf = (value: unknown): Option.Option<ReadonlyArray<readonly [string, unknown]>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Option.some(Object.entries(value))
    : Option.none()
