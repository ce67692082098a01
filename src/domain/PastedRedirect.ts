import { Redacted } from "effect"
import type { ExpectedResponse } from "./AuthorizationResponse.ts"
import { isSameIssuer } from "./Issuer.ts"
import { isSameOrigin } from "./SecureUrl.ts"

/** What a user pasted instead of the redirect of the browser. */
export type PastedRedirect =
  | { readonly _tag: "Parameters"; readonly parameters: URLSearchParams }
  /** The address is cut off. What the user pastes next may be the rest of `text`. */
  | { readonly _tag: "Start"; readonly text: string }
  /** Why it is not the address that a sign-in ended at, as a sentence. The sign-in keeps waiting. */
  | { readonly _tag: "Other"; readonly problem: string }

/** What shells, mails and web pages put around or into an address. */
const additions = /\s|\p{Cf}|\p{Cc}|\\(?=[?&=%#])/gu
/** Quotes, brackets and the other marks around it. */
const around = /^["'`<([{“”‘’«]+|["'`>)\]}“”‘’»]+$/gu

/** A text that a user pasted without what is not part of the address. */
const bareText = (text: string): string => {
  const [, linked = text] = /^\s*\[[^\]]*\]\((.*)\)\s*$/s.exec(text) ?? []
  return (
    linked
      // An escape sequence of the terminal, such as the mark of a bracketed paste.
      // oxlint-disable-next-line no-control-regex
      .replace(/\x1b\[[0-9;]*~/g, "")
      .replaceAll("&amp;", "&")
      .replace(additions, "")
      .replace(around, "")
  )
}

/**
 * The address in a text that a user pasted: without line breaks of a terminal, quotes and brackets around it, backslashes of
 * a shell, and markup. A query alone counts as one at `redirectUri`. Undefined: there is no address.
 */
export const pastedAddress = (text: string, redirectUri?: URL): URL | undefined => {
  const bare = bareText(text)
  const address = /[a-z][a-z0-9+.-]*:\/\/.*$/i.exec(bare)?.[0]
  if (address !== undefined) return URL.parse(address) ?? undefined
  const [query] = /(?<=^\?|^)(?:code|state|iss|error)=.*$/.exec(bare) ?? []
  if (query !== undefined) return redirectUri && new URL(`?${query}`, redirectUri)
  return /^[\w.-]+(:\d+)?\/?.*\?/.test(bare) ? (URL.parse(`http://${bare}`) ?? undefined) : undefined
}

/** The sign-in that an address is pasted for. */
export interface AwaitedRedirect {
  readonly redirectUri: URL
  /** The address that the browser opened. */
  readonly signInUrl: URL
  readonly expected: ExpectedResponse
}

/** Shorter texts may be anything. */
const minStart = 4

/** True if a text ends before the query of the redirect URI. */
const endsBeforeQuery = (text: string, { href }: URL): boolean => {
  const bare = bareText(text)
  return (
    bare.length >= minStart &&
    [href, href.slice(href.indexOf("//") + 2)].some((whole) => `${whole}?`.startsWith(bare))
  )
}

/** True if a value is absent, or only the start of another one. It may end within an escape. */
const isCut = (value: string | null, whole: string): boolean =>
  value === null || (value !== whole && whole.startsWith(value.replace(/%[0-9a-f]?$/i, "")))

/** True if the parameters of a response end too early. The code has no known length, so its own end may be missing. */
const areCut = (
  parameters: URLSearchParams,
  { issuer, issuerRequired, secrets }: ExpectedResponse
): boolean => {
  if (isCut(parameters.get("state"), Redacted.value(secrets.state))) return true
  if (!parameters.has("code") && !parameters.has("error")) return true
  const iss = parameters.get("iss")
  if (issuer === undefined || (iss === null && !issuerRequired)) return false
  return isCut(iss, issuer) && !isSameIssuer(iss ?? "", issuer)
}

/**
 * Reads what a user pasted. Only the address that the sign-in ends at has its parameters: the path of the redirect URI, and a
 * code or an error. The host may differ, because a port can be forwarded under another name. Pages of the authorization
 * server have the same `state`, and may have parameters of the same names.
 */
export const readPastedRedirect = (text: string, awaited: AwaitedRedirect): PastedRedirect => {
  const { expected, redirectUri, signInUrl } = awaited
  const other = (problem: string): PastedRedirect => ({ _tag: "Other", problem })
  const start: PastedRedirect = { _tag: "Start", text }
  if (endsBeforeQuery(text, redirectUri)) return start
  const address = pastedAddress(text, redirectUri)
  if (address === undefined) return other("That is not an address.")
  if (isSameOrigin(address, signInUrl) && address.pathname === signInUrl.pathname) {
    return other("That is the address of the sign-in page. Approve the sign-in there first.")
  }
  const { pathname, searchParams: parameters } = address
  if (!pathname.endsWith(redirectUri.pathname)) return other("The sign-in has not ended at that address.")
  return areCut(parameters, expected) ? start : { _tag: "Parameters", parameters }
}

/**
 * Reads what a user pasted after `start`, which was cut off: the whole address, or the rest of it.
 */
export const readPastedRest = (start: string, text: string, awaited: AwaitedRedirect): PastedRedirect => {
  const alone = readPastedRedirect(text, awaited)
  const isNewAddress = /^[a-z][a-z0-9+.-]*:\/\//i.test(bareText(text))
  if (alone._tag === "Parameters" || start === "" || isNewAddress) return alone
  const joined = readPastedRedirect(start + text, awaited)
  return joined._tag === "Other" ? alone : joined
}
