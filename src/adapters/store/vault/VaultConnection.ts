import * as http from "node:http"
import * as https from "node:https"
import { Context, Data, Effect, type Scope, Semaphore } from "effect"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { codeOf } from "../../platform/Errno.ts"
import { maxBody } from "./VaultLimits.ts"
import { tlsOptions, type UnusablePem } from "./VaultTls.ts"
import { bytesPerValue, JsonSize, maxDepth } from "../../http/JsonSize.ts"

/** A response, read to its end. */
export interface RawResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** OpenSSL has no code of its own for an answer without TLS. */
const connectionCode = (cause: unknown): string | undefined =>
  cause instanceof Error && /wrong version number|packet length too long|http request/.test(cause.message)
    ? "ERR_SSL_WRONG_VERSION_NUMBER"
    : codeOf(cause)

/** A connection that failed, by the code of Node. */
export class ConnectionFailed extends Data.TaggedError("ConnectionFailed")<{
  readonly code: string | undefined
}> {}

/** The response is larger than any response of Vault to this client. */
export class TooLarge extends Data.TaggedError("TooLarge") {}

type ConnectionSettings = Pick<VaultSettings, "url" | "tls">

/** One request, without its address. */
export interface RawRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string | undefined
  /** Ends the request. */
  readonly signal: AbortSignal
}

/** Connections to one server, which are reused. */
export interface VaultConnection {
  /**
   * Sends one request, and reads the response.
   *
   * @param connected called when there is a connection
   */
  readonly exchange: (
    target: URL,
    request: RawRequest,
    connected: () => void
  ) => Effect.Effect<RawResponse, ConnectionFailed | TooLarge | UnusablePem>
}

const makeAgent = Effect.fnUntraced(function* ({ tls, url }: ConnectionSettings) {
  if (url.protocol === "http:") return new http.Agent({ keepAlive: true })
  return new https.Agent({ keepAlive: true, ...(yield* tlsOptions(tls)) })
})

/** Reads a response to its end, or until it is too large. */
const readResponse = (
  incoming: http.IncomingMessage,
  resolve: (response: RawResponse | TooLarge) => void
): void => {
  const chunks: Array<Buffer> = []
  const json = new JsonSize()
  let size = 0
  let values = 0
  incoming.on("data", (chunk: Buffer) => {
    const part = json.add(chunk)
    size += chunk.length
    values += part.values
    if (size <= maxBody && values <= maxBody / bytesPerValue && part.depth <= maxDepth)
      return void chunks.push(chunk)
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

const exchange = (
  target: URL,
  agent: http.Agent,
  { body, headers, method, signal }: RawRequest,
  connected: () => void
): Effect.Effect<RawResponse, ConnectionFailed | TooLarge> =>
  Effect.callback((resume) => {
    const fail = (cause: unknown) => resume(new ConnectionFailed({ code: connectionCode(cause) }))
    const isTls = target.protocol === "https:"
    let outgoing: http.ClientRequest
    try {
      outgoing = (isTls ? https : http).request(target, { agent, headers, method, signal })
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

/** Opens connections by the TLS settings: the first request opens one, and all close with the scope. */
const overNode = Effect.fnUntraced(function* (settings: ConnectionSettings) {
  const turn = Semaphore.makeUnsafe(1)
  let agent: http.Agent | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => agent?.destroy()))
  const pool = Effect.suspend(() =>
    agent === undefined
      ? Effect.tap(makeAgent(settings), (made) => Effect.sync(() => void (agent = made)))
      : Effect.succeed(agent)
  ).pipe(turn.withPermit)
  return {
    exchange: (target, request, connected) =>
      Effect.flatMap(pool, (_) => exchange(target, _, request, connected))
  } satisfies VaultConnection
})

/** How connections to Vault are opened: by Node, unless a test brings a Vault in memory. */
export const VaultConnector = Context.Reference<
  (settings: ConnectionSettings) => Effect.Effect<VaultConnection, never, Scope.Scope>
>("mcp-cli-oauth/adapters/store/vault/VaultConnector", { defaultValue: () => overNode })
