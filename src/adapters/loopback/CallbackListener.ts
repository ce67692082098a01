import { randomBytes } from "node:crypto"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { Deferred, Effect, Layer, Schedule, type Scope } from "effect"
import type { AuthorizationResponse } from "../../domain/AuthorizationResponse.ts"
import {
  type BoundListener,
  CallbackListener,
  ListenError,
  RedirectPortBusy
} from "../../ports/CallbackListener.ts"
import { codeOf } from "../platform/Errno.ts"
import { type CallbackPage, headers, render, signInServer } from "./CallbackPage.ts"
import { bindLoopback, loadHttp } from "./LoopbackBind.ts"
import { peerOwners } from "./PeerOwner.ts"

type Read = (parameters: URLSearchParams) => AuthorizationResponse
type Answer = Exclude<AuthorizationResponse, { readonly _tag: "Foreign" }>

/** Time that a listener at a busy port has to answer, in milliseconds. */
const probeTimeout = 1000

/** Maximum length of a request target, in characters. */
const maxTarget = 16_384

/** How a sign-in ended, for the user in the browser. */
export const pageOf = (server: string, answer: Answer, isSignedIn: boolean): CallbackPage => {
  const notSignedIn = {
    state: "failed",
    title: `Not signed in to ${server}`,
    next: "The terminal says what to do next. You can close this window."
  } as const
  switch (answer._tag) {
    case "Granted":
      return isSignedIn
        ? {
            status: 200,
            state: "done",
            title: `Signed in to ${server}`,
            text: "mcp-cli can use this server from now on.",
            next: "You can close this window and return to the terminal."
          }
        : {
            ...notSignedIn,
            status: 400,
            text: "The authorization server approved the sign-in, but mcp-cli could not complete it."
          }
    case "Denied":
      return {
        ...notSignedIn,
        status: 200,
        text: `The authorization server refused: ${answer.description ?? answer.error}`
      }
    case "Rejected":
      return { ...notSignedIn, status: 400, text: "The response cannot be trusted, and was not used." }
  }
}

const useUrlOfTerminal = "Use the latest URL from the terminal."
const notFound: CallbackPage = {
  status: 404,
  state: "notice",
  title: "Not found",
  text: "mcp-cli waits here for a sign-in, but not at this address.",
  next: useUrlOfTerminal
}
const notAllowed: CallbackPage = {
  status: 405,
  state: "notice",
  title: "Not allowed",
  text: "Only GET requests are answered.",
  next: useUrlOfTerminal
}
const foreign: CallbackPage = {
  status: 400,
  state: "notice",
  title: "Not the current sign-in",
  text: "This URL does not belong to the current sign-in.",
  next: useUrlOfTerminal
}
const ofAnotherUser: CallbackPage = {
  status: 403,
  state: "notice",
  title: "Another user of this machine",
  text: "This request was not made by the user who signs in.",
  next: "If that is you, paste the address of this page into the terminal."
}
const opened: CallbackPage = {
  status: 410,
  state: "notice",
  title: "Opened before",
  text: "This address works once.",
  next: useUrlOfTerminal
}

const answerWith = (response: ServerResponse, page: CallbackPage): void => {
  response.writeHead(page.status, headers())
  response.end(render(page))
}

/** The browser that has come back, and waits for the end of the flow. */
interface WaitingBrowser {
  readonly answer: Answer
  readonly response: ServerResponse
}

/** A random path, and where it leads until it is opened. */
interface Redirect {
  readonly path: string
  readonly to: string
  readonly isUsed: boolean
}

const redirectWith = (response: ServerResponse, location: string): void => {
  response.writeHead(303, { ...headers(), location })
  response.end()
}

/** Explains why no port could be bound. */
const explain = (code: string, port: number): string => {
  switch (code) {
    case "EACCES":
      return `the system does not let this program use port ${port} (EACCES)`
    case "EADDRINUSE":
      return "no port is free (EADDRINUSE)"
    default:
      return code
  }
}

/** What listens at a port: a sign-in of this program, another program, or nothing (any more). */
type Occupant = "sign-in" | "other" | "nothing"

/** Codes of an address where nothing listens, or whose listener is closing. */
const unanswered = new Set(["ECONNREFUSED", "ECONNRESET", "EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETUNREACH"])

/** Asks what listens at an address. A sign-in answers at once. */
const occupantOf = (host: string, port: number): Effect.Effect<Occupant> =>
  Effect.flatMap(loadHttp, ({ get }) =>
    Effect.callback<Occupant>((resume) => {
      const answer = (occupant: Occupant) => resume(Effect.succeed(occupant))
      const request = get({ host, port, path: "/", timeout: probeTimeout, agent: false }, (response) => {
        response.resume()
        answer(response.headers.server === signInServer ? "sign-in" : "other")
      })
      request.on("error", (error) => answer(unanswered.has(codeOf(error) ?? "") ? "nothing" : "other"))
      request.on("timeout", () => request.destroy(new Error("timeout")))
      return Effect.sync(() => request.destroy())
    })
  )

/** A port that was busy, and that nothing listens at any more: its listener has just ended. */
class Released {
  readonly _tag = "Released"
}

/** Attempts to bind a port again that was released meanwhile. */
const afterRelease = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 10 }))

/** Listens on loopback with `node:http`. */
export const layer: Layer.Layer<CallbackListener> = Layer.succeed(
  CallbackListener,
  CallbackListener.of({
    bind: Effect.fn("CallbackListener.bind")(function* ({ portMayMove, redirectUri, server }) {
      const received = yield* Deferred.make<Answer>()
      const servers: Array<Server> = []
      let read: Read | undefined
      let redirect: Redirect | undefined
      let waiting: WaitingBrowser | undefined
      let bound = redirectUri
      const owners = peerOwners()
      let checksUser = false

      const handle = (request: IncomingMessage, response: ServerResponse): void => {
        const target = request.url ?? ""
        // Refuses the host name of another site that points at this machine (DNS rebinding).
        if (target.length > maxTarget || request.headers.host !== bound.host)
          return answerWith(response, foreign)
        // Not parsed as a URL: `//` throws, and `//other.test/callback` has the expected path.
        const [path = "", query = ""] = target.split(/\?(.*)/s, 2)
        const start = path === redirect?.path ? redirect : undefined
        if (path !== bound.pathname && start === undefined) return answerWith(response, notFound)
        if (request.method !== "GET") return answerWith(response, notAllowed)
        // Before anything is used up: another user may know the path or the state.
        if (checksUser && owners.mayBeAnotherUser(request.socket)) return answerWith(response, ofAnotherUser)
        if (start !== undefined) {
          if (start.isUsed) return answerWith(response, opened)
          redirect = { ...start, isUsed: true }
          return redirectWith(response, start.to)
        }
        const answer = read?.(new URLSearchParams(query)) ?? { _tag: "Foreign" as const }
        if (answer._tag === "Foreign") return answerWith(response, foreign)
        // The flow has its answer: no further request is accepted, and the browser waits until the flow has ended.
        read = undefined
        for (const listening of servers) listening.close()
        waiting = { answer, response }
        Deferred.doneUnsafe(received, Effect.succeed(answer))
      }

      const asked = redirectUri.port === "" ? 0 : Number(redirectUri.port)
      const name = redirectUri.hostname
      const hosts = name === "localhost" ? ["127.0.0.1", "::1"] : [name.replace(/^\[|\]$/g, "")]

      /** Binds every address of the host name on one port, or none. */
      const bindAll = (port: number) =>
        Effect.map(
          bindLoopback(
            Effect.map(loadHttp, ({ createServer }) =>
              createServer({ maxHeaderSize: 2 * maxTarget }, handle)
            ),
            hosts,
            port
          ),
          ({ port: boundPort, servers: started }) => {
            servers.push(...started)
            return boundPort
          }
        )

      const anyPort = Effect.mapError(bindAll(0), (code) => new ListenError({ detail: explain(code, 0) }))
      const busy = (isOfSignIn: boolean) =>
        new RedirectPortBusy({ server, redirectUri: redirectUri.href, isOfSignIn })
      const port = yield* asked === 0
        ? anyPort
        : bindAll(asked).pipe(
            Effect.catch(
              (code): Effect.Effect<number, ListenError | RedirectPortBusy | Released, Scope.Scope> => {
                if (portMayMove && (code === "EADDRINUSE" || code === "EACCES")) return anyPort
                if (code !== "EADDRINUSE") return new ListenError({ detail: explain(code, asked) })
                return Effect.flatMap(
                  Effect.forEach(hosts, (host) => occupantOf(host, asked)),
                  (occupants) => {
                    const isOfSignIn = occupants.includes("sign-in")
                    return Effect.fail(
                      isOfSignIn || occupants.includes("other") ? busy(isOfSignIn) : new Released()
                    )
                  }
                )
              }
            ),
            Effect.retry({ schedule: afterRelease, while: ({ _tag }) => _tag === "Released" }),
            Effect.mapError((error) => (error._tag === "Released" ? busy(false) : error))
          )
      /** Shows how the sign-in has ended, and returns once the page is sent. */
      const conclude = (isSignedIn: boolean) =>
        Effect.callback<void>((resume) => {
          const done = () => resume(Effect.void)
          // "close", not "finish": a browser that disconnects before it has read the page has answered, too.
          if (waiting === undefined || waiting.response.closed) return done()
          const { answer, response } = waiting
          waiting = undefined
          response.once("close", done)
          answerWith(response, pageOf(server, answer, isSignedIn))
        })
      yield* Effect.addFinalizer(() => conclude(false))
      bound = new URL(redirectUri)
      bound.port = String(port)
      checksUser = owners.canTell(port)

      return {
        redirectUri: bound,
        checksUser,
        conclude,
        redirectOnce: (to) =>
          Effect.sync(() => {
            redirect = { path: `/start/${randomBytes(32).toString("base64url")}`, to: to.href, isUsed: false }
            return new URL(redirect.path, bound)
          }),
        receive: (reader) =>
          Effect.suspend(() => {
            read = reader
            return Deferred.await(received)
          })
      } satisfies BoundListener
    })
  })
)
