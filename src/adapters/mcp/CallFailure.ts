import { advice, type Remedy } from "../../domain/Remedy.ts"
import { NetworkError } from "../../ports/HttpTransport.ts"
import { McpError } from "../../ports/McpConnector.ts"
import { errorCodes, RpcError, UnusableAnswer } from "./ClientErrors.ts"

/** Codes of the official SDKs for a connection that closed and a request that timed out: what a gateway tells of its server. */
const gatewayCodes: ReadonlySet<number> = new Set([-32000, -32001])

/**
 * True if an error leaves open whether the request was carried out: the server was silent, the connection ended, or the
 * answer cannot be read. A refusal, such as HTTP 4xx or "invalid params", does not.
 */
const leavesOpen = (error: unknown): boolean => {
  if (error instanceof UnusableAnswer) return true
  if (error instanceof RpcError)
    return (
      error.code === errorCodes.internal ||
      (gatewayCodes.has(error.code) && /time|clos|lost|reset|disconnect/i.test(error.message))
    )
  // 501: the server does not know the method.
  return (
    error instanceof McpError && (error.status === undefined || (error.status >= 500 && error.status !== 501))
  )
}

const isRetry = (remedy: Remedy): boolean => remedy._tag === "Advice" && /^Try again\b/.test(remedy.text)

const check = advice("Check whether it was, before you repeat it.")

const uncertain = ({ detail, remedies, server, status }: McpError): McpError =>
  new McpError({
    server,
    detail,
    call: "uncertain",
    remedies: [check, ...remedies.filter((remedy) => !isRetry(remedy))],
    ...(status === undefined ? {} : { status })
  })

/** The error of a call whose connection could not be opened. */
export const notMade = <E>(error: E): E | McpError | NetworkError => {
  if (error instanceof McpError) return new McpError({ ...error, call: "not made" })
  return error instanceof NetworkError
    ? new NetworkError({ origin: error.origin, detail: error.detail })
    : error
}

/**
 * The error of a call that was sent, with whether it may have been carried out.
 *
 * @param options.origin the origin of a server over HTTP. A connection to another one, which a token is from, carries no call
 * @param options.explain how an error is explained to a user
 */
export const callFailure = <E>(
  error: E,
  options: {
    readonly server: string
    readonly origin: string | undefined
    readonly explain: (error: E) => E | McpError
  }
): E | McpError | NetworkError => {
  const { explain, origin, server } = options
  if (error instanceof NetworkError) {
    if (error.unanswered === undefined || error.origin !== origin) return notMade(error)
    return uncertain(new McpError({ server, detail: `there was no answer: ${error.detail}.` }))
  }
  const explained = explain(error)
  return leavesOpen(error) && explained instanceof McpError ? uncertain(explained) : explained
}
