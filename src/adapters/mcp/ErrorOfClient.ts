import { Option, type Redacted, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { redactConfigured } from "../../domain/Redaction.ts"
import { McpError } from "../../ports/McpConnector.ts"

/** The SDK, imported only where a session is opened: it is heavy. */
export type Sdk = typeof import("@modelcontextprotocol/client")

/** What a transport answers in place of a server whose connection ended before its answer. */
export const connectionEnded = {
  code: -32000,
  message: "The connection ended before the answer",
  data: { connectionEnded: true }
}

/**
 * Says in words for a user what an error of the SDK means.
 *
 * @param hint what to do where the server says that what it was asked for is wrong or not there.
 */
export type Explain = (error: unknown, hint?: string) => McpError

/** A server's own words after ours. */
const inSentence = (words: string): string => (words === "" ? "" : `: ${words.replace(/[.\s]+$/, "")}`)

const JsonRpcError = Schema.fromJsonString(
  Schema.Struct({ error: Schema.Struct({ code: Schema.Finite, message: Schema.String }) })
)
const decodeJsonRpcError = Schema.decodeUnknownOption(JsonRpcError)

/** The body of an HTTP error as far as a user can read it: nothing of a web page. */
const readable = (body: unknown): string =>
  typeof body !== "string" || body.trimStart().startsWith("<") ? "" : body

const nextStep = (status: number): string => {
  if (status === 403) return "The account that is signed in may not be allowed to use it."
  if (status === 429 || status >= 500) return "Try again later."
  return `Check the "url" of its entry.`
}

/**
 * Makes an {@link Explain}. Text from the server is made printable, cut at 300 characters, and freed of the secrets
 * that it may repeat.
 *
 * @param options.connectionClosed what it means that the connection closed.
 * @param options.unauthorized what to do about an HTTP 401.
 */
export const explainer = (options: {
  readonly sdk: Sdk
  readonly server: string
  readonly configured: Readonly<Record<string, Redacted.Redacted>>
  readonly connectionClosed: () => string
  readonly unauthorized: string
}): Explain => {
  const { configured, sdk, server } = options
  const quote = (text: string): string => inSentence(printable(redactConfigured(text, configured)))

  const ofHttp = (
    status: number,
    statusText: string | undefined,
    body: unknown,
    hint: string | undefined
  ): string => {
    const inner = Option.map(decodeJsonRpcError(body), ({ error }) => error)
    const ofMcp = status >= 400 && status < 500 && status !== 401 && status !== 403
    if (ofMcp && Option.isSome(inner)) return ofJsonRpc(inner.value, hint)
    const said = Option.match(inner, { onNone: () => readable(body), onSome: ({ message }) => message })
    return `it answered HTTP ${status}${quote(said) || quote(statusText ?? "")}. ${status === 401 ? options.unauthorized : nextStep(status)}`
  }

  const ofJsonRpc = (
    error: { readonly code: number; readonly message: string },
    hint: string | undefined
  ): string => {
    const said = `it answered with an error${quote(error.message)} (JSON-RPC ${error.code}).`
    return hint !== undefined && error.code === sdk.ProtocolErrorCode.InvalidParams ? `${said} ${hint}` : said
  }

  const unusable = (error: unknown): string =>
    `its answer is none of an MCP server${quote(error instanceof Error ? error.message : String(error))}. Check its entry, or tell its provider.`

  const ofProtocol = (error: InstanceType<Sdk["ProtocolError"]>, hint: string | undefined): string => {
    if (error.data === connectionEnded.data) return options.connectionClosed()
    if (error instanceof sdk.UnsupportedProtocolVersionError) {
      return `it speaks MCP of ${printable(error.supported.join(", "))}, which this mcp-cli does not. Upgrade mcp-cli.`
    }
    if (error instanceof sdk.UrlElicitationRequiredError) {
      const urls = printable(error.elicitations.map(({ url }) => url).join(" and "))
      return `it wants you to open ${urls} first. Do so, then try again.`
    }
    return ofJsonRpc(error, hint)
  }

  const ofSdk = (error: InstanceType<Sdk["SdkError"]>): string => {
    switch (error.code) {
      case sdk.SdkErrorCode.ConnectionClosed:
      case sdk.SdkErrorCode.NotConnected:
        return options.connectionClosed()
      case sdk.SdkErrorCode.ListPaginationExceeded:
        return "its list does not end: it names yet another page after 1000 of them. Tell its provider."
      case sdk.SdkErrorCode.EraNegotiationFailed:
        return error.cause === undefined ? unusable(error) : detail(error.cause, undefined)
      default:
        return unusable(error)
    }
  }

  const detail = (error: unknown, hint: string | undefined): string => {
    if (error instanceof sdk.InsufficientScopeError) {
      const scope = error.requiredScope === undefined ? "" : ` for ${printable(error.requiredScope)}`
      return `it answered HTTP 403: the sign-in lacks the permission${scope}. Run: mcp-cli auth login ${server}`
    }
    if (error instanceof sdk.SdkHttpError)
      return ofHttp(error.status, error.statusText, error.data["text"], hint)
    if (error instanceof sdk.SseError) {
      return error.code === undefined || error.code === 200
        ? `it opens no SSE stream${quote(error.event.message ?? "")}. ${nextStep(200)}`
        : ofHttp(error.code, undefined, undefined, hint)
    }
    if (error instanceof sdk.ProtocolError) return ofProtocol(error, hint)
    return error instanceof sdk.SdkError ? ofSdk(error) : unusable(error)
  }

  return (error, hint) => new McpError({ server, detail: detail(error, hint) })
}
