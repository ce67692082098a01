import {
  type BearerChallenge,
  bearerChallenge,
  lacksScopes,
  requiresToken
} from "../../../domain/Challenge.ts"
import { printable } from "../../../domain/PrintableText.ts"
import { quoted, redactConfigured } from "../../../domain/Redaction.ts"
import * as Remedy from "../../../domain/Remedy.ts"
import { hasOwnAuthorization, type RemoteServer } from "../../../domain/Server.ts"
import { largestAnswerMiB } from "../../../domain/ServerRules.ts"
import { McpError } from "../../../ports/McpConnector.ts"
import { retryAfterMillis } from "../../http/RetryAfter.ts"
import { inSentence, nextStep, readable } from "../HttpFailure.ts"

/** What is known of an answer before its body. */
type Head = Pick<Response, "headers" | "status" | "statusText">

/** The errors of one server's wire. Text of the server in them is printable, short, and free of configured secrets. */
export class WireFailures {
  readonly #server: RemoteServer

  constructor(server: RemoteServer) {
    this.#server = server
  }

  #error(detail: string, remedies: ReadonlyArray<Remedy.Remedy>, status?: number): McpError {
    return new McpError({
      server: this.#server.name,
      detail,
      remedies,
      ...(status === undefined ? {} : { status })
    })
  }

  #quote(text: string): string {
    return inSentence(quoted(text, (said) => redactConfigured(said, this.#server.headers)))
  }

  get #checkUrl(): ReadonlyArray<Remedy.Remedy> {
    return [
      Remedy.check(Remedy.entryOf(this.#server.name), ["url"]),
      Remedy.advice("If it is right, tell its provider.")
    ]
  }

  /**
   * An HTTP error.
   *
   * @param said the body
   * @param now milliseconds since the epoch
   */
  status({ headers, status, statusText }: Head, said: string, now: number): McpError {
    const { name } = this.#server
    const challenge = bearerChallenge(headers.get("www-authenticate"))
    if (challenge?.error === "insufficient_scope" && lacksScopes(status, challenge))
      return this.#scope(challenge, status)
    const retryAfter = retryAfterMillis(headers.get("retry-after"), now)
    const signIn = hasOwnAuthorization(this.#server)
      ? Remedy.check([...Remedy.entryOf(name), "headers"], ["Authorization"])
      : Remedy.command("auth login", { server: name })
    return this.#error(
      `it answered HTTP ${status}${this.#quote(readable(said)) || this.#quote(statusText)}.`,
      [requiresToken(status, challenge) ? signIn : nextStep(name, status, retryAfter)],
      status
    )
  }

  /** `send` has tried what a sign-in can do, so another one for the same scopes cannot help. */
  #scope({ description, scope }: BearerChallenge, status: number): McpError {
    const { name } = this.#server
    const said = this.#quote(description ?? "")
    const why =
      scope === undefined
        ? "the sign-in lacks a scope that it does not name"
        : `the account lacks the permission for ${printable(scope)}`
    const remedies =
      scope === undefined
        ? [
            Remedy.advice("Its documentation may name the scope."),
            Remedy.command("auth login", { server: name, options: { scope: "SCOPE" }, purpose: "request it" })
          ]
        : [
            Remedy.advice(
              "Signing in for the same scope again does not help. Ask its provider who may have this permission."
            )
          ]
    return this.#error(`it answered HTTP ${status}: ${why}${said}.`, remedies, status)
  }

  /** A success that is no MCP answer. */
  unusable(fault: string): McpError {
    return this.#error(`its answer is not that of an MCP server${this.#quote(fault)}.`, this.#checkUrl)
  }

  /** An answer that opens no stream of the transport of 2024-11-05. */
  noStream(type: string | null): McpError {
    return this.#error(
      `it opens no SSE stream${this.#quote(type ?? "its answer has no content type")}.`,
      this.#checkUrl
    )
  }

  /** A stream of that transport that does not say where messages go, or says a place where they must not go. */
  endpoint(fault: string): McpError {
    return this.#error(`its SSE stream cannot be used${this.#quote(fault)}.`, this.#checkUrl)
  }

  /** A response with another content than JSON or events. */
  contentType(type: string | null): McpError {
    return this.unusable(type === null ? "it has no content type" : `it is ${type}`)
  }

  tooLong(maxMiB: number): McpError {
    const { name } = this.#server
    return this.#error(`its answer has more than ${maxMiB} MiB, and the connection was closed.`, [
      maxMiB < largestAnswerMiB
        ? Remedy.set(
            Remedy.entryOf(name),
            { maxAnswerMiB: Math.min(maxMiB * 4, largestAnswerMiB) },
            "you expect so long an answer"
          )
        : Remedy.advice("Request less at once.")
    ])
  }

  /** A success without a body, where a response was due. */
  empty(status: number): McpError {
    return status === 202
      ? this.#error("it accepted the request and sent no response to it.", this.#checkUrl)
      : this.unusable("it is empty")
  }

  get closed(): McpError {
    return this.#error("it closed the connection before it answered.", [Remedy.advice("Try again.")])
  }

  get broke(): McpError {
    return this.#error("the connection broke before the answer was complete.", [Remedy.advice("Try again.")])
  }

  get forgotten(): McpError {
    return this.#error("it ended the session before it answered.", [Remedy.advice("Try again.")])
  }
}
