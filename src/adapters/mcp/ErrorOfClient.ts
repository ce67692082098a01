import { Option, type Redacted, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { redactConfigured } from "../../domain/Redaction.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { inSentence, nextStep, readable } from "./HttpFailure.ts"
import { supportedVersions, versionToOffer } from "./VersionRefusal.ts"

/** The SDK, imported only where a session is opened: it is heavy. */
export type Sdk = typeof import("@modelcontextprotocol/client")

/** The error that a transport gives for a server that closed the connection before it answered. */
export const connectionEnded = {
  code: -32000,
  message: "The server closed the connection before it answered",
  data: { connectionEnded: true }
}

/** The error that a transport gives for a response without an answer to the request. */
export const noAnswer = { code: -32000, message: "No answer", data: { noAnswer: true } }

/**
 * Explains an error of the SDK to a user.
 *
 * @param fix what to do if the server answers that the request is wrong, or names what does not exist.
 */
export type Explain = (error: unknown, fix?: Remedy.Remedy) => McpError

/** What happened, as a whole sentence, and what to do. */
export type Explanation = readonly [detail: string, ...remedies: ReadonlyArray<Remedy.Remedy>]

/** What is wrong with an answer that the SDK does not understand. */
const fault = (error: unknown): string => {
  const message = withoutIssues(error instanceof Error ? error.message : String(error), true)
  const [, type] = /^Unexpected content type: (.*)$/.exec(message) ?? []
  if (type !== undefined) return type === "null" ? "it is empty" : `it is ${type}`
  // Each runtime has other words for it.
  return error instanceof SyntaxError ? "it is no JSON" : message
}

const JsonRpcError = Schema.fromJsonString(
  Schema.Struct({ error: Schema.Struct({ code: Schema.Finite, message: Schema.String }) })
)
const decodeJsonRpcError = Schema.decodeUnknownOption(JsonRpcError)

/** The list of what is wrong with a value, in the form of the library zod, which some servers send as well. */
const zodIssues = /(?:ZodError)?[:\s]*(\[\s*\{[\s\S]*\])\s*$/
const decodeIssues = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.NonEmptyArray(
      Schema.Struct({
        path: Schema.Array(Schema.Union([Schema.String, Schema.Finite])),
        message: Schema.String
      })
    )
  )
)

/**
 * A message with its list of zod in words: the place of the first problem.
 *
 * @param isOurs true if the SDK has checked an answer: its phrases about types explain nothing to a user
 */
export const withoutIssues = (message: string, isOurs: boolean): string => {
  const [all, list] = zodIssues.exec(message) ?? []
  if (all === undefined) return message
  const before = message.slice(0, -all.length)
  return Option.match(decodeIssues(list), {
    onNone: () => (before === "" ? "it is not valid" : before),
    onSome: ([{ message: problem, path }]) => {
      const place = path.length === 0 ? "" : ` at "${path.join(".")}"`
      return `${before === "" ? "not valid" : before}${place}${isOurs ? "" : `: ${problem}`}`
    }
  })
}

/**
 * Makes an {@link Explain}. Text from the server is made printable, cut at 300 characters, and freed of the secrets
 * that it may repeat.
 *
 * @param options.connectionClosed why the connection may have closed.
 * @param options.unauthorized what to do about an HTTP 401.
 */
export const explainer = (options: {
  readonly sdk: Sdk
  readonly server: string
  readonly configured: Readonly<Record<string, Redacted.Redacted>>
  readonly connectionClosed: () => Explanation
  readonly unauthorized: ReadonlyArray<Remedy.Remedy>
}): Explain => {
  const { configured, sdk, server } = options
  const quote = (text: string): string =>
    inSentence(printable(redactConfigured(withoutIssues(text, false), configured)))

  const ofHttp = (
    status: number,
    statusText: string | undefined,
    body: unknown,
    fix: Remedy.Remedy | undefined
  ): Explanation => {
    const inner = Option.map(decodeJsonRpcError(body), ({ error }) => error)
    const ofMcp = status >= 400 && status < 500 && status !== 401 && status !== 403
    if (ofMcp && Option.isSome(inner)) return ofJsonRpc(inner.value, fix)
    const said = Option.match(inner, { onNone: () => readable(body), onSome: ({ message }) => message })
    return [
      `it answered HTTP ${status}${quote(said) || quote(statusText ?? "")}.`,
      ...(status === 401 ? options.unauthorized : [nextStep(server, status)])
    ]
  }

  const ofJsonRpc = (
    error: { readonly code: number; readonly message: string },
    fix: Remedy.Remedy | undefined
  ): Explanation => [
    `it answered with an error${quote(error.message)} (JSON-RPC ${error.code}).`,
    ...(fix !== undefined && error.code === sdk.ProtocolErrorCode.InvalidParams ? [fix] : [])
  ]

  const unusable = (error: unknown): Explanation => [
    `its answer is not that of an MCP server${quote(fault(error))}.`,
    Remedy.check(Remedy.entryOf(server), ["url"]),
    Remedy.advice("If it is right, tell its provider.")
  ]

  const unspoken = (versions: ReadonlyArray<string>): Explanation => [
    `it speaks MCP of ${printable(versions.join(", "))}, which this mcp-cli does not.`,
    Remedy.advice("Upgrade mcp-cli.")
  ]

  const ofProtocol = (
    error: InstanceType<Sdk["ProtocolError"]>,
    fix: Remedy.Remedy | undefined
  ): Explanation => {
    if (error.data === connectionEnded.data) return options.connectionClosed()
    if (error.data === noAnswer.data) {
      return [
        "it accepted the request and sent no response to it.",
        Remedy.check(Remedy.entryOf(server), ["url"]),
        Remedy.advice("If it is right, tell its provider.")
      ]
    }
    if (error instanceof sdk.UrlElicitationRequiredError) {
      const urls = printable(error.elicitations.map(({ url }) => url).join(" and "))
      return [`it requires you to open ${urls} first.`, Remedy.advice("Do so, then try again.")]
    }
    return ofJsonRpc(error, fix)
  }

  const ofSdk = (error: InstanceType<Sdk["SdkError"]>): Explanation => {
    switch (error.code) {
      case sdk.SdkErrorCode.ConnectionClosed:
      case sdk.SdkErrorCode.NotConnected:
        return options.connectionClosed()
      case sdk.SdkErrorCode.ListPaginationExceeded:
        return [
          "its list does not end: it names another page after 1000 of them.",
          Remedy.advice("Tell its provider.")
        ]
      case sdk.SdkErrorCode.EraNegotiationFailed:
        return error.cause === undefined ? unusable(error) : explain(error.cause, undefined)
      default:
        return unusable(error)
    }
  }

  /** `send` has tried what a sign-in can do, so another one for the same scopes cannot help. */
  const ofScope = ({
    errorDescription,
    requiredScope
  }: InstanceType<Sdk["InsufficientScopeError"]>): Explanation =>
    requiredScope === undefined
      ? [
          `it answered HTTP 403: the sign-in lacks a scope that it does not name${quote(errorDescription ?? "")}.`,
          Remedy.advice("Its documentation may name the scope."),
          Remedy.command("auth login", { server, options: { scope: "SCOPE" }, purpose: "request it" })
        ]
      : [
          `it answered HTTP 403: the account lacks the permission for ${printable(requiredScope)}${quote(errorDescription ?? "")}.`,
          Remedy.advice(
            "Signing in for the same scope again does not help. Ask its provider who may have this permission."
          )
        ]

  const explain = (error: unknown, fix: Remedy.Remedy | undefined): Explanation => {
    const supported = Option.getOrUndefined(supportedVersions(sdk, error))
    if (supported !== undefined && versionToOffer(sdk, error) === undefined) return unspoken(supported)
    if (error instanceof sdk.InsufficientScopeError) return ofScope(error)
    if (error instanceof sdk.SdkHttpError)
      return ofHttp(error.status, error.statusText, error.data["text"], fix)
    if (error instanceof sdk.SseError) {
      return error.code === undefined || error.code === 200
        ? [`it opens no SSE stream${quote(error.event.message ?? "")}.`, nextStep(server, 200)]
        : ofHttp(error.code, undefined, undefined, fix)
    }
    if (error instanceof sdk.ProtocolError) return ofProtocol(error, fix)
    return error instanceof sdk.SdkError ? ofSdk(error) : unusable(error)
  }

  return (error, fix) => {
    const [detail, ...remedies] = explain(error, fix)
    return new McpError({ server, detail, remedies })
  }
}
