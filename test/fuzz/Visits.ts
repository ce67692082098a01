import { connect } from "node:net"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import * as CallbackListenerLive from "../../src/adapters/loopback/CallbackListener.ts"
import {
  type AuthorizationResponse,
  readAuthorizationResponse
} from "../../src/domain/AuthorizationResponse.ts"
import { CallbackListener } from "../../src/ports/CallbackListener.ts"
import { anyText, mutated } from "./Mutation.ts"
import type { Random } from "./Random.ts"
import { mustAll, secretIn, type Target } from "./Target.ts"

const state = "the-state-of-this-flow-0123456789"
const verifier = "the-verifier-of-this-flow-0123456789"
const code = "the-code-of-this-flow-0123456789"

/** What some program on this machine writes to the listener's port, byte for byte, before the browser comes. */
export interface Visit {
  /** A character a byte; `{host}` stands for the host and port that the listener has. */
  readonly bytes: string
  /** After how many bytes the rest goes by itself. */
  readonly pause: number
}

const methods = ["POST", "HEAD", "OPTIONS", "CONNECT", "PRI", "get", "QUERY", ""] as const
const targets = [
  "/callback",
  "/callback",
  "/callback",
  "/",
  "//",
  "/callback/",
  "/%63allback",
  "/callback#",
  "/./callback",
  "//evil.test/callback",
  "http://evil.test/callback",
  "http://{host}/callback",
  "*",
  "{host}",
  "\\callback",
  ""
] as const
const headers = [
  "Host: evil.test",
  "Host: {host}",
  "Host: localhost",
  "Host:",
  "Content-Length: 5",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: identity, chunked",
  "Expect: 100-continue",
  "Expect: x",
  "Connection: upgrade\r\nUpgrade: websocket",
  "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c",
  "Connection: keep-alive",
  "Keep-Alive: timeout=999",
  "Origin: https://evil.test",
  "Trailer: Host",
  " folded: x",
  "no colon",
  ": no name",
  `X: ${"y".repeat(20_000)}`
] as const
const versions = ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "http/1.1", ""] as const

const anyQuery = (random: Random): string => {
  const text = random.oneIn(3)
    ? `state=${state}&code=${code}`
    : random.oneIn(2)
      ? `state=${mutated(random, state)}&code=x`
      : `state=${encodeURIComponent(anyText(random).toWellFormed())}&error=<script>&error_description=<b>`
  return random.oneIn(40) ? `${text}&${"x".repeat(random.below(40_000))}` : text
}

const anyRequest = (random: Random): string => {
  const target = random.pick(targets) + (random.oneIn(4) ? "" : `?${anyQuery(random)}`)
  const line = `${random.oneIn(2) ? "GET" : random.pick(methods)} ${target} ${random.oneIn(4) ? random.pick(versions) : "HTTP/1.1"}`
  const others = random.oneIn(2) ? random.list(3, () => random.pick(headers)) : []
  const lines = [line, ...(random.oneIn(8) ? [] : ["Host: {host}"]), ...others]
  const end = random.oneIn(12) ? "\n" : "\r\n"
  return `${lines.join(end)}${end}${end}${random.oneIn(5) ? anyText(random) : ""}`
}

const anyVisit = (random: Random): Visit => {
  if (random.oneIn(20)) return { bytes: anyText(random), pause: 0 }
  // Now and then a second request in the same connection: it is none that was asked for.
  const text = anyRequest(random) + (random.oneIn(6) ? anyRequest(random) : "")
  const bytes = random.oneIn(4) ? mutated(random, text) : text
  return { bytes, pause: random.oneIn(3) ? random.below(bytes.length + 1) : 0 }
}

/** Writes to a port, says that nothing more comes, and gives all that comes back. */
const visit = (port: number, pieces: ReadonlyArray<Buffer>) =>
  Effect.callback<string>((resume) => {
    const chunks: Array<Buffer> = []
    const socket = connect({ host: "127.0.0.1", port, noDelay: true })
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    // A listener that hangs up on what it does not like has said all that it will say.
    socket.on("error", () => undefined)
    socket.on("close", () => resume(Effect.succeed(Buffer.concat(chunks).toString("latin1"))))
    for (const piece of pieces) socket.write(piece)
    socket.end()
    return Effect.sync(() => socket.destroy())
  })

/** The status codes of the listener's own pages, and of Node's refusals of what is no request (RFC 9110 §15.5, RFC 6585). */
const ownStatuses = ["200", "400", "404", "405"]
const refusals = ["400", "408", "413", "417", "431"]

/**
 * Bytes at the port of the redirect URI. Whatever comes, the flow takes its answer only from a GET of its own path with
 * its own host and state, once; it goes on waiting for that; and what is answered tells nothing and holds no markup of
 * the visitor's.
 */
export const visits: Target<Visit> = {
  name: "visits",
  generate: anyVisit,
  check: ({ bytes, pause }) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { conclude, redirectUri, receive } = yield* CallbackListener.use((listener) =>
          Effect.orDie(
            listener.bind({
              server: "<notion>",
              redirectUri: new URL("http://127.0.0.1:0/callback"),
              portMayMove: true
            })
          )
        ).pipe(Effect.provide(CallbackListenerLive.layer))
        const port = Number(redirectUri.port)
        const answers: Array<AuthorizationResponse> = []
        const waiting = yield* Deferred.make<void>()
        const receiving = yield* Effect.forkChild(
          Effect.suspend(() => {
            const received = receive((parameters) => {
              const answer = readAuthorizationResponse(
                {
                  issuer: undefined,
                  issuerRequired: false,
                  secrets: { state: Redacted.make(state) }
                },
                parameters
              )
              if (answer._tag !== "Foreign") answers.push(answer)
              return answer
            })
            return Effect.andThen(
              Deferred.succeed(waiting, undefined),
              Effect.tap(received, () => conclude(true))
            )
          })
        )
        yield* Deferred.await(waiting)
        yield* Effect.yieldNow
        const written = bytes.replaceAll("{host}", redirectUri.host)
        const sent = Buffer.from(written, "latin1")
        const came = yield* visit(port, pause > 0 ? [sent.subarray(0, pause), sent.subarray(pause)] : [sent])
        const wasTaken = answers.length > 0
        const pages = came.split(/(?=HTTP\/1\.1 \d{3} )/).filter((page) => !page.startsWith("HTTP/1.1 100 "))
        yield* mustAll([
          [answers.length <= 1, `${answers.length} answers were taken`],
          [
            !wasTaken || (written.includes("GET /callback?") && written.includes(redirectUri.host)),
            "an answer that no browser would send"
          ],
          [
            !wasTaken || written.includes(state) || written.includes("%"),
            "an answer without this flow's state was taken"
          ],
          [secretIn(came, [state, code, verifier]) === undefined, "a secret in what is answered"],
          [!/<(script|b)>/.test(came), "markup of the visitor in a page"],
          ...pages.map((page) => {
            const status = page.slice(9, 12)
            const isOurs = page.includes("content-security-policy: default-src 'none'")
            return [
              page === "" || (isOurs ? ownStatuses : refusals).includes(status),
              `an answer that is none: ${JSON.stringify(page.slice(0, 200))}`
            ] as const
          })
        ])
        if (!wasTaken) {
          const page = yield* visit(port, [
            Buffer.from(
              `GET /callback?state=${state}&code=${code} HTTP/1.1\r\nHost: ${redirectUri.host}\r\n\r\n`
            )
          ])
          yield* mustAll([
            [
              page.startsWith("HTTP/1.1 200 "),
              `the browser was not let in: ${JSON.stringify(page.slice(0, 200))}`
            ]
          ])
        }
        const answer = yield* Fiber.join(receiving)
        yield* mustAll([
          [answers.length === 1 && answer === answers[0], "another answer than the one that was read"]
        ])
        return wasTaken ? `taken: ${answer._tag}` : `waited on: ${pages[0]?.slice(9, 12) || "no answer"}`
      })
    )
}
