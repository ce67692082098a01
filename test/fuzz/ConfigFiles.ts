import { Effect, Exit, Predicate, Redacted } from "effect"
import { serverFromJson } from "../../src/adapters/config/ServerJson.ts"
import { oauthEndpoints, optionalEndpoints } from "../../src/domain/OAuthEndpoints.ts"
import { Configuration } from "../../src/ports/Configuration.ts"
import { withFile } from "../adapters/config/InMemoryFile.ts"
import { anyDocument, anyText, anyUrl, type Json } from "./Mutation.ts"
import type { Random } from "./Random.ts"
import { mustAll, outcomeOf, secretIn, type Target } from "./Target.ts"

/** The value of secret fields. It is not the name of a variable, because errors may contain those. */
const secret = "the-secret-of-this-file-0123"
/** The value of variables. */
const variable = "the-value-of-a-variable-0123"

/** A configuration file, and the environment that it is read in. */
export interface File {
  readonly text: string
  readonly env: Readonly<Record<string, string>>
  readonly isOpenToOthers: boolean
}

const methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] as const
const grants = [
  "authorization_code",
  "device_code",
  "client_credentials",
  "jwt_bearer",
  "enterprise_managed"
] as const
const texts = [
  "$SECRET",
  "${SECRET}",
  "${UNSET}",
  "${UNSET:-x}",
  "${SECRET:-x}",
  "$${SECRET}",
  "x ${SECRET} y",
  "${",
  secret,
  secret
] as const
const addresses = [
  "https://as.test/token",
  "https://as.test/authorize",
  "http://localhost:8080/callback",
  "https://${HOST}/token",
  "https://notion.test/mcp"
] as const

const field = (random: Random, name: string): Json => {
  if (/secret|password|private_key$|assertion$|token$|jwt$|Token$|secretId/.test(name))
    return random.pick(texts)
  if (/url|uri|Url|issuer/.test(name)) return random.oneIn(6) ? anyUrl(random) : random.pick(addresses)
  if (/_file$|File$|Cert$|Key$/.test(name))
    return random.pick(["~/key.pem", "/run/key", "key", "${HOME}/key"])
  switch (name) {
    case "scopes":
      return ["read", random.pick(["write", "${SECRET}", "a b"])]
    case "use_pkce":
    case "assume_pkce":
    case "allow_private_addresses":
    case "dpop":
    case "vaultSkipVerify":
      return random.oneIn(2)
    case "extra_auth_params":
      return { [random.pick(["prompt", "state", "resource", "__proto__"])]: random.pick(texts) }
    case "token_endpoint_auth_method":
      return random.pick(methods)
    case "grant_type":
      return random.pick(grants)
    case "signing_algorithm":
      return random.pick(["ES256", "RS256", "none"])
    case "subject_token_type":
      return random.pick(["id_token", "saml2"])
    case "identity_provider":
      return some(
        random,
        ["token_url", "client_id", "client_secret", "subject_token", "subject_token_type"],
        1
      )
    case "backend":
      return random.pick(["auto", "encrypted", "vault", "keychain", "secretservice", "memory"])
    case "vaultAuth":
      return some(random, ["method", "mount", "roleId", "secretId", "role", "jwt", "jwtFile"], 2)
    case "method":
      return random.pick(["token", "approle", "kubernetes", "jwt"])
    case "vaultKvVersion":
      return random.pick([1, 2, "1", "2", 3])
    default:
      return random.oneIn(8) ? anyText(random) : "a-name"
  }
}

/** Some of these fields, each left out once in `leftOut + 1` times. */
const some = (random: Random, names: ReadonlyArray<string>, leftOut: number): Record<string, Json> =>
  Object.fromEntries(
    names.filter(() => !random.oneIn(leftOut + 1)).map((name) => [name, field(random, name)] as const)
  )

const oauthFields = [
  ...optionalEndpoints.map((name) => oauthEndpoints[name].configurationKey),
  "grant_type",
  "assertion",
  "assertion_file",
  "identity_provider",
  "client_secret_file",
  "private_key",
  "private_key_file",
  "private_key_id",
  "signing_algorithm",
  "dpop",
  "scopes",
  "redirect_uri",
  "use_pkce",
  "assume_pkce",
  "issuer",
  "client_metadata_url",
  "allow_private_addresses",
  "registration_url",
  "extra_auth_params",
  "token_endpoint_auth_method"
]

const oauthBlock = (random: Random): Json => {
  const names = random.list(5, () => random.pick(["scopes", ...oauthFields]))
  return {
    ...(random.oneIn(2)
      ? some(random, ["authorization_url", "token_url", "client_id", "client_secret"], 12)
      : {}),
    ...some(random, names, 20)
  }
}

const entry = (random: Random): Json =>
  random.oneIn(5)
    ? {
        ...some(random, ["command"], 20),
        args: ["-y", random.pick(texts)],
        env: { TOKEN: random.pick(texts) },
        ...some(random, ["cwd"], 3)
      }
    : {
        url: random.oneIn(8) ? anyUrl(random) : random.pick(addresses),
        ...(random.oneIn(3) ? { type: random.pick(["http", "sse", "streamable-http", "stdio"]) } : {}),
        ...(random.oneIn(3)
          ? { headers: { [random.pick(["Authorization", "X-Api-Key"])]: random.pick(texts) } }
          : {}),
        ...(random.oneIn(4) ? {} : { oauth: oauthBlock(random) })
      }

const storage = (random: Random): Json =>
  some(
    random,
    [
      "backend",
      "password",
      "vaultUrl",
      "vaultToken",
      "vaultTokenFile",
      "vaultMountPoint",
      "vaultPathPrefix",
      "vaultNamespace",
      "vaultKvVersion",
      "vaultCaCert",
      "vaultClientCert",
      "vaultClientKey",
      "vaultSkipVerify",
      "vaultAuth"
    ],
    1
  )

const names = ["notion", "linear", "a b", "__proto__", "x/y", "é"] as const

const anyFileText = (random: Random): string => {
  const good = {
    mcpServers: Object.fromEntries(random.list(3, () => [random.pick(names), entry(random)] as const)),
    ...(random.oneIn(3) ? { tokenStorage: storage(random) } : {})
  }
  return random.oneIn(3) ? JSON.stringify(good) : anyDocument(random, good)
}

const anyFile = (random: Random): File => ({
  text: anyFileText(random),
  env: {
    ...(random.oneIn(8) ? {} : { SECRET: variable }),
    ...(random.oneIn(2) ? { HOST: "as.test" } : {}),
    ...(random.oneIn(6) ? { VAULT_ADDR: anyUrl(random) } : {}),
    ...(random.oneIn(6) ? { VAULT_TOKEN: variable } : {})
  },
  isOpenToOthers: random.oneIn(4)
})

/** A value as text, with the content of its secrets. */
const revealed = (value: unknown): string =>
  JSON.stringify(value, function (this: unknown, name: string, written: unknown) {
    const held: unknown = typeof this === "object" && this !== null ? Reflect.get(this, name) : written
    return Redacted.isRedacted(held) ? { secret: Redacted.value(held) } : written
  })

/** The names of all fields at any depth. A text that is not JSON has none. */
const fieldNamesOf = (text: string): ReadonlyArray<string> => {
  const fields: Array<string> = []
  try {
    const left: Array<unknown> = [JSON.parse(text.replace(/^\ufeff/, ""))]
    while (left.length > 0) {
      const value = left.pop()
      if (typeof value !== "object" || value === null) continue
      if (!Array.isArray(value)) for (const name of Object.keys(value)) fields.push(name)
      for (const held of Object.values(value)) left.push(held)
    }
    return fields
  } catch {
    return fields
  }
}

/** The entries of servers. A text that is not JSON has none. */
const entriesOf = (text: string): ReadonlyArray<readonly [string, unknown]> => {
  try {
    const json: unknown = JSON.parse(text)
    const servers = Predicate.isReadonlyObject(json) ? json["mcpServers"] : undefined
    return Predicate.isReadonlyObject(servers) ? Object.entries(servers) : []
  } catch {
    return []
  }
}

const declared = { errors: ["ConfigurationError", "UnknownServer"] }

/**
 * Configuration files. Reading a part twice gives the same result or an error of the configuration. No error and no
 * warning contains a secret or the value of a variable. An entry that is not trusted never contains a variable.
 */
export const configFiles: Target<File> = {
  name: "config files",
  generate: anyFile,
  check: Effect.fnUntraced(function* ({ env, isOpenToOthers, text }) {
    // Field names are not secrets: errors contain them.
    const secrets = [secret, variable].filter(
      (value) => secretIn(fieldNamesOf(text).join("\n"), [value]) === undefined
    )
    return yield* Effect.gen(function* () {
      const configuration = yield* Configuration
      const servers = yield* outcomeOf(configuration.servers, { ...declared, secrets })
      const warnings = yield* outcomeOf(configuration.warnings, { ...declared, secrets })
      if (warnings._tag === "Accepted") {
        const said = warnings.value.map(({ location, message }) => `${location}: ${message}`).join("\n")
        yield* mustAll([[secretIn(said, secrets) === undefined, `a warning that holds a secret: ${said}`]])
      }
      const asked =
        servers._tag === "Accepted" ? servers.value.slice(0, 3).map(({ name }) => name) : ["notion"]
      let failed: string | undefined = servers._tag === "Failed" ? servers.error._tag : undefined
      const parts: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        configuration.tokenStorage,
        ...asked.map((name) => configuration.server(name))
      ]
      for (const part of parts) {
        const first = yield* outcomeOf(part, { ...declared, secrets })
        const second = yield* Effect.exit(part)
        if (first._tag === "Failed") {
          failed ??= first.error._tag
          yield* mustAll([[Exit.isFailure(second), "it fails, and then it does not"]])
        } else {
          yield* mustAll([
            [
              Exit.isSuccess(second) && revealed(second.value) === revealed(first.value),
              "it is not the same when it is read again"
            ]
          ])
        }
      }
      for (const [name, entry] of entriesOf(text)) {
        const read = yield* outcomeOf(serverFromJson(name, entry), { ...declared, secrets })
        if (read._tag !== "Accepted") continue
        const contains = secretIn(revealed(read.value), [variable])
        yield* mustAll([[contains === undefined, "an entry that is not trusted contains a variable"]])
      }
      return failed ?? "accepted"
    }).pipe(withFile(text, { env, mode: isOpenToOthers ? 0o100644 : 0o100600 }))
  })
}
