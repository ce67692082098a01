import { Predicate } from "effect"
import { endpointRows } from "../../../domain/OAuthEndpoints.ts"
import { hasUserInformation } from "../../../domain/SecureUrl.ts"
import {
  announcesSecret,
  decodedPart,
  hasSecretShape,
  isSecretName,
  mayBeSecret,
  mayBeSecretPart,
  namedSecretAt
} from "../../../domain/SecretShape.ts"
import { secretReferenceText } from "../../../domain/SecretReference.ts"
import { variableName } from "../../../domain/VariableName.ts"

type Fields = Readonly<Record<string, unknown>>

/** The fields of the `oauth` block that hold no secret. A field that is in none of these lists is left out. */
export const publicOAuthFields: ReadonlySet<string> = new Set<string>([
  ...endpointRows.flatMap(({ configurationKey }) => configurationKey ?? []),
  "grant_type",
  "identity_provider",
  "client_id",
  "private_key_id",
  "signing_algorithm",
  "subject_token_type",
  "dpop",
  "scopes",
  "redirect_uri",
  "use_pkce",
  "assume_pkce",
  "send_resource",
  "provider_quirks",
  "issuer",
  "client_metadata_url",
  "allow_private_addresses",
  "extra_auth_params",
  "token_endpoint_auth_method"
])

/** Those that hold one. */
export const secretOAuthFields: ReadonlySet<string> = new Set([
  "client_secret",
  "private_key",
  "assertion",
  "subject_token"
])

/** Those that name a file of this machine. */
export const fileOAuthFields: ReadonlySet<string> = new Set([
  "client_secret_file",
  "private_key_file",
  "assertion_file",
  "subject_token_file"
])

/** An entry of the configuration for other people. */
export interface SharedEntry {
  readonly entry: Fields
  /** The variables that its reader has to set. */
  readonly variables: ReadonlyArray<string>
  /** The names of the stored secrets that its reader has to set. */
  readonly secrets: ReadonlyArray<string>
  /** The fields that were left out. */
  readonly omitted: ReadonlyArray<string>
}

const secretReference = new RegExp(secretReferenceText, "g")

/** Replaces the secrets of one entry. */
class Sharing {
  readonly variables = new Set<string>()
  readonly secrets = new Set<string>()
  readonly omitted: Array<string> = []
  readonly server: string

  constructor(server: string) {
    this.server = server
  }

  /** A value without what it may keep secret: variables and names of stored secrets stay, everything else becomes a variable. */
  secret(value: unknown, ...name: ReadonlyArray<string>): string {
    const text = typeof value === "string" ? value : ""
    const named = Array.from(text.matchAll(/\$\{([A-Za-z_]\w*)\}/g), ([, variable = ""]) => variable)
    const stored = Array.from(text.matchAll(secretReference), ([, secret = ""]) => secret)
    const rest = text
      .replace(/\$\{[A-Za-z_]\w*\}/g, "")
      .replace(secretReference, "")
      .replace(/^(basic|bearer|token)\b/i, "")
    const isKept = named.length + stored.length > 0 && rest.trim() === ""
    const variable = variableName(...name)
    for (const each of isKept ? named : [variable]) this.variables.add(each)
    if (isKept) for (const each of stored) this.secrets.add(each)
    return isKept ? text : `\${${variable}}`
  }

  /** A text that is no secret as a whole. */
  plain(text: string, ...name: ReadonlyArray<string>): string {
    if (hasSecretShape(text)) return this.secret("", ...name)
    for (const [, variable = ""] of text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)) this.variables.add(variable)
    return text
  }

  /** @param isOwn false: the endpoint of a provider, whose path has public ids of tenants */
  url(text: string, name = "url", isOwn = true): string {
    // Replacing in the text keeps what URL would write differently.
    let shared = text.replace(/\/\/[^/?#\\]*@/, "//")
    const url = URL.parse(shared)
    if (url !== null && hasUserInformation(url)) return this.secret("", this.server, name)
    if (shared !== text) this.omitted.push(`the sign-in in ${name}`)
    shared = shared.replace(
      /([?&#;]([^=&#;/?]+)=)([^&#;/?]+)/g,
      (all, head: string, key: string, value: string) =>
        !value.includes("${") && (isSecretName(key) || mayBeSecret(decodedPart(value)))
          ? head + this.secret("", this.server, key)
          : all
    )
    const [, origin = "", path = "", rest = ""] =
      /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)([^?#]*)(.*)$/is.exec(shared) ?? []
    if (origin !== "" && isOwn) shared = origin + this.#path(path, name) + rest
    return this.plain(shared, this.server, name)
  }

  /** The path of a URL: a part of it that may be a secret becomes a variable, and so does one behind `/token/`. */
  #path(path: string, name: string): string {
    const parts = path.split("/")
    const isSecret = (part: string, at: number) =>
      !/[=]|\$\{/.test(part) && mayBeSecretPart(part, parts[at - 1])
    const count = parts.filter(isSecret).length
    let found = 0
    return parts
      .map((part, at) => {
        if (!isSecret(part, at)) return part
        found++
        return this.secret("", this.server, name, "key", ...(count === 1 ? [] : [String(found)]))
      })
      .join("/")
  }

  values(block: unknown, name: (key: string) => ReadonlyArray<string>): Fields {
    const entries = Predicate.isReadonlyObject(block) ? Object.entries(block) : []
    return Object.fromEntries(entries.map(([key, value]) => [key, this.secret(value, ...name(key))]))
  }

  /** One argument of a program, after another one. */
  arg(text: string, before: string, name: string): string {
    const [, head = "", field = "", value = ""] = /^((-{0,2}[\w-]+)(?:=|:\s*))(.+)$/s.exec(text) ?? []
    if (announcesSecret(before) && !text.startsWith("-")) {
      return field === ""
        ? this.secret(text, this.server, before.replace(/^-+/, ""))
        : head + this.secret(value, this.server, field)
    }
    if (isSecretName(field)) return head + this.secret(value, this.server, field)
    // `--url=https://...`
    if (field.startsWith("-")) return head + this.arg(value, field, name)
    if (namedSecretAt(text) !== undefined) return this.secret("", this.server, name)
    return /^https?:\/\//i.test(text) ? this.url(text, name) : this.plain(text, this.server, name)
  }

  args(args: ReadonlyArray<unknown>): ReadonlyArray<unknown> {
    return args.map((arg, index) => {
      if (typeof arg !== "string") return arg
      const before = args[index - 1]
      const flag = typeof before === "string" && before.startsWith("-") ? before : ""
      return this.arg(arg, flag, flag === "" ? `argument_${index + 1}` : flag.replace(/^-+/, ""))
    })
  }

  oauth(block: Fields): Fields {
    return Object.fromEntries(
      Object.entries(block).flatMap(([key, value]) => {
        if (secretOAuthFields.has(key)) return [[key, this.secret(value, this.server, key)]]
        if (!publicOAuthFields.has(key)) {
          this.omitted.push(`oauth.${key}`)
          return []
        }
        if (typeof value === "string") {
          return [
            [key, URL.canParse(value) ? this.url(value, key, false) : this.plain(value, this.server, key)]
          ]
        }
        if (key === "extra_auth_params" && Predicate.isReadonlyObject(value)) {
          const params = Object.entries(value).map(([name, text]) => [
            name,
            isSecretName(name)
              ? this.secret(text, this.server, name)
              : this.plain(String(text), this.server, name)
          ])
          return [[key, Object.fromEntries(params)]]
        }
        return [[key, Predicate.isReadonlyObject(value) ? this.oauth(value) : value]]
      })
    )
  }
}

/**
 * The entry of a server without its secrets, which become variables. Every value of a header and of a variable counts as one,
 * since nothing tells which are not.
 */
export const sharedEntry = (server: string, entry: Fields): SharedEntry => {
  const sharing = new Sharing(server)
  const { args, command, cwd, env, headers, oauth, type, url, ...others } = entry
  const isRemote = typeof url === "string"
  const shared: Fields = isRemote
    ? {
        type: type === "sse" ? "sse" : "http",
        url: sharing.url(url),
        ...(headers === undefined ? {} : { headers: sharing.values(headers, (key) => [server, key]) }),
        ...(Predicate.isReadonlyObject(oauth) ? { oauth: sharing.oauth(oauth) } : {}),
        ...(others["allow_http"] === true ? { allow_http: true } : {})
      }
    : {
        command: sharing.arg(String(command), "", "command"),
        ...(Array.isArray(args) ? { args: sharing.args(args) } : {}),
        // Programs read these names.
        ...(env === undefined ? {} : { env: sharing.values(env, (key) => [key]) })
      }
  if (cwd !== undefined) sharing.omitted.push("cwd")
  return {
    entry: shared,
    variables: [...sharing.variables],
    secrets: [...sharing.secrets],
    omitted: sharing.omitted
  }
}
