import type { remoteFlags } from "./RemoteFlags.ts"
import { wordsOf } from "./RemoteWords.ts"
import { hasSecretShape, isSecretName } from "./SecretShape.ts"
import { variableName } from "./VariableName.ts"

type RemoteFlag = (typeof remoteFlags)["withValue" | "withoutValue"][number]

/** The words of a command line that decide about a sign-in. */
export interface SignInLine {
  /** Holds no secret: each is a variable. */
  readonly words: ReadonlyArray<string>
  /** The variables that stand for secrets of the line. */
  readonly variables: ReadonlyArray<string>
}

/** Flags that decide what is registered, requested and stored, with those of the requests that ask for it. */
const ofSignIn: ReadonlySet<string> = new Set<RemoteFlag>([
  "allow-http",
  "authorize-param",
  "callback-path",
  "client-credentials",
  "client-metadata-url",
  "device-code",
  "disable-resource-parameter",
  "header",
  "header-file",
  "host",
  "resource",
  "static-oauth-client-info",
  "static-oauth-client-metadata",
  "token-endpoint",
  "transport"
])

/** What of the documents about a client counts here. */
const clientFields = ["client_id", "client_secret", "scope", "token_endpoint_auth_method"]

/**
 * The words by which another command signs in as this line does. Secrets become variables, and the paths of files are absolute.
 * The callback port is always there, since it may depend on what was left out.
 *
 * @param line a line that `readRemoteLine` has read
 * @param redirectUri of the entry that it describes; `undefined` if it has none
 * @param absolute makes a path absolute
 */
export const signInLineOf = (
  line: ReadonlyArray<string>,
  redirectUri: string | undefined,
  absolute: (path: string) => string
): SignInLine => {
  const { flags, operands } = wordsOf(line)
  const variables = new Set<string>()
  const masked = (value: string, ...name: ReadonlyArray<string>): string => {
    if (value.includes("${")) return value
    const variable = variableName(...name)
    variables.add(variable)
    return `${/^(?:Basic|Bearer|Token) /i.exec(value)?.[0] ?? ""}\${${variable}}`
  }
  const assigned = (text: string, separator: ":" | "="): string => {
    const at = text.indexOf(separator)
    const [name, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()]
    const isSecret = isSecretName(name) || hasSecretShape(value)
    return at < 1 || !isSecret ? text : `${name}${separator}${masked(value, name)}`
  }
  const documentOf = (text: string): string => {
    if (text.startsWith("@")) return `@${absolute(text.slice(1))}`
    const fields = Object.entries(JSON.parse(text) as Record<string, unknown>)
    const kept = fields.flatMap(([name, value]) =>
      !clientFields.includes(name)
        ? []
        : [[name, name === "client_secret" && typeof value === "string" ? masked(value, name) : value]]
    )
    return JSON.stringify(Object.fromEntries(kept))
  }
  const words = flags.flatMap(({ name, value }) => {
    if (!ofSignIn.has(name)) return []
    if (value === undefined) return [`--${name}`]
    switch (name) {
      case "header":
        return [`--${name}`, assigned(value, ":")]
      case "authorize-param":
        return [`--${name}`, assigned(value, "=")]
      case "header-file":
        return [`--${name}`, absolute(value)]
      case "static-oauth-client-info":
      case "static-oauth-client-metadata":
        return [`--${name}`, documentOf(value)]
      default:
        return [`--${name}`, value]
    }
  })
  const [url = ""] = operands
  const port = redirectUri === undefined ? [] : [new URL(redirectUri).port]
  return { words: [url, ...port, ...words], variables: [...variables] }
}
