import { isSameOrigin } from "./SecureUrl.ts"

/** What a user pasted instead of the redirect of the browser. */
export type PastedRedirect =
  | { readonly _tag: "Parameters"; readonly parameters: URLSearchParams }
  /** Why it is not the address that a sign-in ended at, as a sentence. The sign-in keeps waiting. */
  | { readonly _tag: "Other"; readonly problem: string }

/** What shells, mails and web pages put around or into an address. */
const additions = /\s|\p{Cf}|\p{Cc}|\\(?=[?&=%#])/gu
/** Quotes, brackets and the other marks around it. */
const around = /^["'`<([{“”‘’«]+|["'`>)\]}“”‘’»]+$/gu

/**
 * The address in a text that a user pasted: without line breaks of a terminal, quotes and brackets around it, backslashes of
 * a shell, and markup. A query alone counts as one at `redirectUri`. Undefined: there is no address.
 */
export const pastedAddress = (text: string, redirectUri?: URL): URL | undefined => {
  const [, linked = text] = /^\s*\[[^\]]*\]\((.*)\)\s*$/s.exec(text) ?? []
  const bare = linked
    // An escape sequence of the terminal, such as the mark of a bracketed paste.
    // oxlint-disable-next-line no-control-regex
    .replace(/\x1b\[[0-9;]*~/g, "")
    .replaceAll("&amp;", "&")
    .replace(additions, "")
    .replace(around, "")
  const address = /[a-z][a-z0-9+.-]*:\/\/.*$/i.exec(bare)?.[0]
  if (address !== undefined) return URL.parse(address) ?? undefined
  const [query] = /(?<=^\?|^)(?:code|state|iss|error)=.*$/.exec(bare) ?? []
  if (query !== undefined) return redirectUri && new URL(`?${query}`, redirectUri)
  return /^[\w.-]+(:\d+)?\/?.*\?/.test(bare) ? (URL.parse(`http://${bare}`) ?? undefined) : undefined
}

/**
 * Reads what a user pasted. Only the address that the sign-in ends at has its parameters: the path of the redirect URI, and a
 * code or an error. The host may differ, because a port can be forwarded under another name. Pages of the authorization
 * server have the same `state`, and may have parameters of the same names.
 *
 * @param signInUrl the address that the browser opened
 */
export const readPastedRedirect = (
  text: string,
  { redirectUri, signInUrl }: { readonly redirectUri: URL; readonly signInUrl: URL }
): PastedRedirect => {
  const other = (problem: string): PastedRedirect => ({ _tag: "Other", problem })
  const address = pastedAddress(text, redirectUri)
  if (address === undefined) return other("That is not an address.")
  if (isSameOrigin(address, signInUrl) && address.pathname === signInUrl.pathname) {
    return other("That is the address of the sign-in page. Approve the sign-in there first.")
  }
  const { pathname, searchParams: parameters } = address
  if (!pathname.endsWith(redirectUri.pathname)) return other("The sign-in has not ended at that address.")
  return parameters.has("code") || parameters.has("error")
    ? { _tag: "Parameters", parameters }
    : other("That address has no code.")
}
