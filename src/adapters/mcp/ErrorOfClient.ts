import { Option, type Redacted, Schema } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import { quoted, redactConfigured } from "../../domain/Redaction.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { McpError } from "../../ports/McpConnector.ts"
import {
  type ClientError,
  EndlessList,
  errorCodes,
  InputRequired,
  OtherVersion,
  RpcError,
  SessionForgotten,
  supportedVersions,
  urlsToOpen,
  versionToOffer
} from "./ClientErrors.ts"
import { inSentence } from "./HttpFailure.ts"
import { maxPages } from "./McpLimits.ts"

/**
 * Explains an error to a user.
 *
 * @param fix what to do if the server answers that the request is wrong, or names what does not exist.
 */
export type Explain = (error: ClientError, fix?: Remedy.Remedy) => McpError

/** What happened, as a whole sentence, and what to do. */
export type Explanation = readonly [detail: string, ...remedies: ReadonlyArray<Remedy.Remedy>]

/** The list of what is wrong with a value, in the form of the library zod, which some servers send. */
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

/** A message with its list of zod in words: the place of the first problem, and what it is. */
const withoutIssues = (message: string): string => {
  const [all, list] = zodIssues.exec(message) ?? []
  if (all === undefined) return message
  const before = message.slice(0, -all.length)
  return Option.match(decodeIssues(list), {
    onNone: () => (before === "" ? "it is not valid" : before),
    onSome: ([{ message: problem, path }]) => {
      const place = path.length === 0 ? "" : ` at "${path.join(".")}"`
      return `${before === "" ? "not valid" : before}${place}: ${problem}`
    }
  })
}

/**
 * Makes an {@link Explain}. Text from the server is made printable, cut at 300 characters, and freed of the secrets
 * that it may repeat.
 */
export const explainer = (options: {
  readonly server: string
  readonly configured: Readonly<Record<string, Redacted.Redacted>>
}): Explain => {
  const { configured, server } = options
  const quote = (text: string): string =>
    inSentence(quoted(withoutIssues(text), (said) => redactConfigured(said, configured)))

  const ofVersions = (versions: ReadonlyArray<string>): Explanation => [
    `it speaks MCP of ${printable(versions.join(", "))}, which this mcp-cli does not.`,
    Remedy.advice("Upgrade mcp-cli.")
  ]

  const ofRpc = (error: RpcError, fix: Remedy.Remedy | undefined): Explanation => {
    const versions = supportedVersions(error)
    if (versions !== undefined && versionToOffer(error) === undefined) return ofVersions(versions)
    return [
      `it answered with an error${quote(error.message)} (JSON-RPC ${error.code}).`,
      ...(fix !== undefined && error.code === errorCodes.invalidParams ? [fix] : [])
    ]
  }

  const explain = (error: ClientError, fix: Remedy.Remedy | undefined): Explanation => {
    const urls = error instanceof RpcError || error instanceof InputRequired ? urlsToOpen(error) : []
    if (urls.length > 0)
      return [
        `it requires you to open ${printable(urls.join(" and "))} first.`,
        Remedy.advice("Do so, then try again.")
      ]
    if (error instanceof RpcError) return ofRpc(error, fix)
    if (error instanceof InputRequired)
      return ["it requires input that mcp-cli cannot give.", Remedy.advice("Use it in another MCP client.")]
    if (error instanceof OtherVersion) return ofVersions([error.spoken])
    if (error instanceof EndlessList)
      return [
        `its list does not end: it names another page after ${maxPages} of them.`,
        Remedy.advice("Tell its provider.")
      ]
    if (error instanceof SessionForgotten)
      return error.isNew === true
        ? [
            "it forgets each session as soon as it is opened.",
            Remedy.advice("Tell its provider: it may run several times without sharing its sessions.")
          ]
        : [
            "its session had ended, and nothing was done.",
            Remedy.advice("Try again: a new session is opened.")
          ]
    return [
      `its answer is not that of an MCP server${quote(error.message)}.`,
      Remedy.check(Remedy.entryOf(server), ["url"]),
      Remedy.advice("If it is right, tell its provider.")
    ]
  }

  return (error, fix) => {
    const [detail, ...remedies] = explain(error, fix)
    return new McpError({ server, detail, remedies })
  }
}
