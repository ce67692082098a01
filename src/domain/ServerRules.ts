import { CredentialKey } from "./CredentialKey.ts"
import { isSafeLine } from "./PrintableText.ts"
import { hasUserInformation, isLoopbackHost, isSecureUrl } from "./SecureUrl.ts"
import { isScope } from "./TokenSet.ts"

/** The largest `maxAnswerMiB` of a server: JavaScript has no longer strings. */
export const largestAnswerMiB = 512

/** Maximum length of a server's name, and of an account's, in characters. */
export const maxNameLength = 100
/** Maximum length of a server's name as stores write it. File systems allow 255 bytes, with suffixes and temporary names. */
const maxStoredNameLength = 180

/** What is wrong with the name of a server. Undefined: nothing. */
export const serverNameProblem = (name: string): string | undefined => {
  if (name === "") return "the name of a server must not be empty"
  if (!isSafeLine(name)) return "the name of a server must not have control or invisible characters"
  if (name.length > maxNameLength) {
    const way = URL.canParse(name) ? ": write this URL into the configuration under a short name" : ""
    return `the name of a server has at most ${maxNameLength} characters${way}`
  }
  return CredentialKey.of(name).storageName.length > maxStoredNameLength
    ? "the name of this server is too long to name a file by: use fewer characters other than a-z, 0-9, _, . and -"
    : undefined
}

const largestPort = 65_535

/** True for a host without a scheme, such as `mcp.example.com/mcp`. `URL` takes the host of one with a port for a scheme. */
export const lacksScheme = (text: string): boolean =>
  /^(\/\/)?(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?([/?#]|$)/i.test(text) &&
  URL.canParse(`https://${text.replace(/^\/\//, "")}`)

/**
 * What is wrong with a text that is not a URL. It does not repeat the text, which may hold a secret.
 *
 * @param what is expected
 */
export const notUrlProblem = (text: string, what = "an absolute URL"): string => {
  const port = /^[a-z]+:\/\/[^/?#]*:(\d+)([/?#]|$)/i.exec(text.trim())?.[1]
  if (port !== undefined && Number(port) > largestPort)
    return `must have a port of at most ${largestPort}, and has ${port}`
  if (!lacksScheme(text.trim())) return `must be ${what}`
  return `must be ${what}: begin it with ${/^(\/\/)?localhost\b/i.test(text.trim()) ? "http" : "https"}://`
}

/**
 * What is wrong with the URL of a server or an endpoint. Undefined: nothing. It must be https, or http on loopback. A
 * fragment is not allowed (RFC 6749 §3.1 and §3.2, RFC 8707 §2), nor user information, which `fetch` refuses.
 *
 * @param allowHttp http is allowed for this host
 */
export const addressProblem = (address: URL, allowHttp = false): string | undefined => {
  if (!isSecureUrl(address) && !(allowHttp && address.protocol === "http:")) {
    if (lacksScheme(address.href))
      return "must be an https URL: begin it with https:// (http:// only for this machine, as in http://localhost:3000)"
    return "must be an https URL (http only for this machine, as in http://localhost:3000)"
  }
  if (hasUserInformation(address)) return "must not have a user name or password in it"
  return address.href.includes("#") ? "must not have a fragment (#…)" : undefined
}

/** What is wrong with a redirect URI on loopback (RFC 8252 §7.3). Undefined: nothing. */
export const loopbackRedirectProblem = (address: URL): string | undefined => {
  if (address.protocol !== "http:" || !isLoopbackHost(address.hostname)) {
    return "must be an http URL of this machine, such as http://localhost:8080/callback"
  }
  return hasUserInformation(address) || /[?#]/.test(address.href)
    ? "must not have a query, a fragment or a user name in it"
    : undefined
}

/** What is wrong with a scope-token (RFC 6749 §3.3). Undefined: nothing. */
export const scopeProblem = (text: string): string | undefined =>
  isScope(text) ? undefined : "must be one scope, without spaces or quotes"
