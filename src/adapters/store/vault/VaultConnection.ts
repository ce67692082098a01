import { readFile } from "node:fs/promises"
import * as http from "node:http"
import * as https from "node:https"
import { Data, Effect, type Scope, Semaphore } from "effect"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { codeOf } from "../../platform/Errno.ts"
import { maxBody } from "./VaultLimits.ts"

/** A response, read to its end. */
export interface RawResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** A connection that failed, by the code of Node. */
export class ConnectionFailed extends Data.TaggedError("ConnectionFailed")<{
  readonly code: string | undefined
}> {}

/** The response is larger than any response of Vault to this client. */
export class TooLarge extends Data.TaggedError("TooLarge") {}

/** A PEM file that cannot be read. */
export class UnreadableFile extends Data.TaggedError("UnreadableFile")<{
  readonly variable: string
  readonly code: string | undefined
}> {}

const readPem = (variable: string, path: string | undefined) =>
  path === undefined
    ? Effect.undefined
    : Effect.tryPromise({
        try: () => readFile(path),
        catch: (cause) => new UnreadableFile({ variable, code: codeOf(cause) })
      })

/** The pool of connections by the TLS settings. It is opened by the first request, and closes with the scope. */
export const connectionPool = ({
  tls,
  url
}: Pick<VaultSettings, "url" | "tls">): Effect.Effect<
  Effect.Effect<http.Agent, UnreadableFile>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const turn = Semaphore.makeUnsafe(1)
    let agent: http.Agent | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => agent?.destroy()))
    return Effect.gen(function* () {
      if (agent !== undefined) return agent
      if (url.protocol === "http:") return (agent = new http.Agent({ keepAlive: true }))
      const ca = yield* readPem("VAULT_CACERT", tls.caCert)
      const cert = yield* readPem("VAULT_CLIENT_CERT", tls.clientCert)
      const key = yield* readPem("VAULT_CLIENT_KEY", tls.clientKey)
      return (agent = new https.Agent({
        keepAlive: true,
        minVersion: "TLSv1.2",
        rejectUnauthorized: !tls.skipVerify,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key })
      }))
    }).pipe(turn.withPermit)
  })

/** Reads a response to its end, or until it is too large. */
const readResponse = (
  incoming: http.IncomingMessage,
  resolve: (response: RawResponse | TooLarge) => void
): void => {
  const chunks: Array<Buffer> = []
  let size = 0
  incoming.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBody) return void chunks.push(chunk)
    resolve(new TooLarge())
    incoming.destroy()
  })
  incoming.once("end", () =>
    resolve({
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      text: Buffer.concat(chunks).toString("utf8")
    })
  )
}

/**
 * Sends one request, and reads the response.
 *
 * @param options.signal ends the request
 * @param connected called when there is a connection
 */
export const exchange = (
  target: URL,
  options: http.RequestOptions & { readonly signal: AbortSignal },
  body: string | undefined,
  connected: () => void
): Effect.Effect<RawResponse, ConnectionFailed | TooLarge> =>
  Effect.callback((resume) => {
    const fail = (cause: unknown) => resume(new ConnectionFailed({ code: codeOf(cause) }))
    const isTls = target.protocol === "https:"
    let outgoing: http.ClientRequest
    try {
      outgoing = (isTls ? https : http).request(target, options)
    } catch (cause) {
      // Node throws for a token that no header can carry, and quotes it.
      return fail(cause)
    }
    outgoing.once("socket", (socket) => {
      if (outgoing.reusedSocket) connected()
      else socket.once(isTls ? "secureConnect" : "connect", connected)
    })
    outgoing.once("error", fail)
    outgoing.once("response", (incoming) => {
      incoming.once("error", fail)
      readResponse(incoming, (response) =>
        resume(response instanceof TooLarge ? response : Effect.succeed(response))
      )
    })
    outgoing.end(body)
    return Effect.sync(() => outgoing.destroy())
  })
