import { Redacted, Result } from "effect"
import * as Base64 from "effect/encoding/Base64"
import * as Hex from "effect/encoding/Hex"
import { printable, safeLine } from "./PrintableText.ts"

/** Shorter values are not searched for in other texts: they would match ordinary words. */
const minSearched = 6

/** Names of headers, parameters and fields whose values are secret in every message. */
export const secretNames: ReadonlySet<string> = new Set([
  "access_token",
  "assertion",
  "authorization",
  "client_assertion",
  "client_secret",
  "code",
  "code_verifier",
  "cookie",
  "device_code",
  "dpop",
  "dpop-nonce",
  "id_token",
  "mcp-session-id",
  "nonce",
  "refresh_token",
  "registration_access_token",
  "set-cookie",
  "state",
  "subject_token",
  "token",
  "user_code"
])

/** Authentication schemes (RFC 9110 §11), in lower case: they are public, what follows them is not. */
export const publicSchemes: ReadonlySet<string> = new Set(["basic", "bearer", "digest", "dpop", "negotiate"])

const formEncoded = (text: string): string => new URLSearchParams({ "": text }).toString().slice(1)

const formDecoded = (text: string): string => new URLSearchParams(`x=${text}`).get("x") ?? text

/** The client of Basic credentials (RFC 6749 §2.3.1). */
export interface BasicCredentials {
  readonly clientId: string
  readonly clientSecret: string
  /** The secret as the header has it: form-encoded, and not every encoder agrees with ours. */
  readonly encodedSecret: string
}

/**
 * Decodes Basic credentials; `undefined` if they are malformed.
 *
 * @param proof what follows `Basic` in the header
 */
export const basicCredentials = (proof: string): BasicCredentials | undefined => {
  const decoded = Result.getOrElse(Base64.decodeString(proof), () => "")
  const [, clientId, encodedSecret] = /^([^:]*):(.*)$/s.exec(decoded) ?? []
  return clientId === undefined || encodedSecret === undefined
    ? undefined
    : { clientId: formDecoded(clientId), clientSecret: formDecoded(encodedSecret), encodedSecret }
}

/** The secrets in the value of a header: all of it, each word but a scheme, and the client secret of Basic. */
export const secretsInHeader = (value: string): ReadonlyArray<string> => {
  const words = value.split(/\s+/).filter((word) => !publicSchemes.has(word.toLowerCase()))
  const client = /^basic\s/i.test(value) ? basicCredentials(words[0] ?? "") : undefined
  return [value, ...words, ...(client === undefined ? [] : [client.clientSecret, client.encodedSecret])]
}

/** The secrets that a request of a client carries. */
export const secretsInRequest = (
  parameters: URLSearchParams,
  authorization: string | null
): ReadonlyArray<string> => [
  ...Array.from(parameters).flatMap(([name, value]) => (secretNames.has(name) ? [value] : [])),
  ...(authorization === null ? [] : secretsInHeader(authorization))
]

/** A text as it is within a string of JSON; some encoders escape slashes, too. */
const inJson = (text: string): ReadonlyArray<string> => {
  const escaped = JSON.stringify(text).slice(1, -1)
  return [escaped, escaped.replaceAll("/", "\\/")]
}

/** Base64 of a secret, alone and within a longer text: there it begins at any of three places, and its ends belong to others. */
const inBase64 = (secret: string): ReadonlyArray<string> => {
  const bytes = new TextEncoder().encode(secret)
  const within = [0, 1, 2].map((before) => {
    const padded = new Uint8Array(before + bytes.length)
    padded.set(bytes, before)
    const whole = Math.floor((padded.length * 8) / 6)
    return Base64.encode(padded).slice(Math.ceil((before * 8) / 6), whole)
  })
  return [Base64.encode(secret), ...within.filter((form) => form.length >= minSearched)].flatMap((form) => [
    form,
    form.replaceAll("+", "-").replaceAll("/", "_")
  ])
}

/**
 * The forms in which a text may repeat a secret: as it is, in a URL, in a form, in JSON, in Base64 and in hex. None for a value
 * that is too short to be searched for.
 */
export const formsOf = (secret: string): ReadonlyArray<string> => {
  if (secret.length < minSearched) return []
  const inUrl = encodeURIComponent(secret.toWellFormed())
  const hex = Hex.encode(secret)
  return [
    secret,
    inUrl,
    inUrl.replace(/%../g, (code) => code.toLowerCase()),
    formEncoded(secret),
    ...inJson(secret),
    ...inBase64(secret),
    hex,
    hex.toUpperCase()
  ]
}

/** A part of a text: one without a secret, or one that repeats a secret in some form. */
export type Segment =
  | { readonly _tag: "Clear"; readonly text: string }
  | { readonly _tag: "Secret"; readonly secret: string }

/** The forms of secrets by their first characters, the longer one first. */
type Forms = ReadonlyMap<string, ReadonlyArray<string>>

const byStart = (forms: Iterable<string>): Forms =>
  Map.groupBy(
    [...new Set(forms)].toSorted((a, b) => b.length - a.length),
    (form) => form.slice(0, minSearched)
  )

/**
 * Finds forms in a text, from left to right. No pattern of them all: V8 takes hundreds of megabytes for the tokens of a long
 * chat, and refuses a form of 32,768 characters.
 */
function* found(text: string, forms: Forms): Generator<{ readonly form: string; readonly at: number }, void> {
  if (forms.size === 0) return
  for (let at = 0; at < text.length;) {
    const form = forms.get(text.slice(at, at + minSearched))?.find((one) => text.startsWith(one, at))
    if (form !== undefined) yield { form, at }
    at += form?.length ?? 1
  }
}

/**
 * Cuts a text at the secrets in it. Where two start at the same place the longer form counts.
 *
 * @param forms each form of each secret, with the secret (see {@link formsOf})
 */
export const segmentsOf = (text: string, forms: ReadonlyMap<string, string>): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = []
  let end = 0
  for (const { at, form } of found(text, byStart(forms.keys()))) {
    if (at > end) segments.push({ _tag: "Clear", text: text.slice(end, at) })
    segments.push({ _tag: "Secret", secret: forms.get(form) ?? form })
    end = at + form.length
  }
  return end < text.length ? [...segments, { _tag: "Clear", text: text.slice(end) }] : segments
}

/** Makes what replaces every secret in a text, in any of its forms, with `…`. */
export const redactor = (secrets: Iterable<string>): ((text: string) => string) => {
  const forms = byStart(Array.from(secrets).flatMap(formsOf))
  return (text) => {
    let redacted = ""
    let end = 0
    for (const { at, form } of found(text, forms)) {
      redacted += `${text.slice(end, at)}…`
      end = at + form.length
    }
    return redacted + text.slice(end)
  }
}

/** Replaces every secret in a text, in any of its forms, with `…`. */
export const redact = (text: string, secrets: Iterable<string>): string => redactor(secrets)(text)

/**
 * Text of a server as a quotation without secrets. They are redacted before and after what cannot be printed is left out: a
 * server may put a control character into a secret that it repeats.
 */
export const quoted = (text: string, redacted: (text: string) => string): string =>
  printable(redacted(safeLine(redacted(text))))

/**
 * Redacts a text in which a server or its program may repeat configured headers or variables. What follows an
 * authentication scheme is replaced too: it may be a token that is not configured.
 */
export const redactConfigured = (
  text: string,
  configured: Readonly<Record<string, Redacted.Redacted>>
): string => {
  const secrets = Object.values(configured).flatMap((value) => secretsInHeader(Redacted.value(value)))
  return redact(text, secrets).replace(/\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]{6,}/gi, "$1 …")
}
