import { Deferred, Effect, Fiber, Option, type Scope } from "effect"
import type { ByteParts } from "../../domain/ByteParts.ts"
import { parsedAt, valueAt, withMembers } from "../../domain/JsonMembers.ts"
import { type JsonRpcMessage, jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { Remediable } from "../../domain/Remedy.ts"
import { InputRequests } from "../revisions/InputRequests.ts"
import { metaKeys } from "../revisions/ModernRevision.ts"
import { signInHold } from "./ProxyLimits.ts"
import type { SessionSignIn, SignInNeed } from "./SessionSignIn.ts"

/** The name of the question in `inputRequests`. */
const question = "mcp-cli-sign-in"
/** Requests that were answered with a page, and that may come again. Clients do not have to. */
const maxWaiting = 1000

/** A request that waits for a sign-in. */
interface Waiting {
  readonly need: SignInNeed
  /** What the client answers to the server itself, and its state. */
  readonly inputResponses: ByteParts | undefined
  readonly requestState: ByteParts | undefined
}

/** What a request that comes again is, and whether the server can have it now. */
export interface Resumed {
  /** As it was before the page. */
  readonly request: JsonRpcMessage
  /** Ends with an answer if the sign-in is not over yet. Fails if there will be none. */
  readonly ready: Effect.Effect<JsonRpcMessage | undefined, SignInNeed>
}

/**
 * Pages of sign-ins for clients of revision 2026-07-28 (MCP "Multi Round-Trip Requests"): the request gets a question as its answer, the
 * client shows the page, and sends the request again. That one waits for the sign-in.
 */
export class SignInPages {
  readonly #signIn: SessionSignIn
  readonly #ownId: () => string
  readonly #scope: Scope.Scope
  readonly #tell: (error: Remediable) => Effect.Effect<void>
  /** By `requestState`. */
  readonly #waiting = new Map<string, Waiting>()
  #running: { readonly url: Deferred.Deferred<URL>; readonly isSignedIn: Fiber.Fiber<boolean> } | undefined

  constructor(options: {
    readonly signIn: SessionSignIn
    /** Makes texts, as JSON, that no other program has. */
    readonly ownId: () => string
    readonly scope: Scope.Scope
    readonly tell: (error: Remediable) => Effect.Effect<void>
  }) {
    this.#signIn = options.signIn
    this.#ownId = options.ownId
    this.#scope = options.scope
    this.#tell = options.tell
  }

  /** True if a request can be answered with a page. */
  static canShow(request: JsonRpcMessage): boolean {
    const path = ["_meta", metaKeys.capabilities, "elicitation", "url"]
    return InputRequests.mayAsk(request) && valueAt(request.raw("params"), ...path) !== undefined
  }

  /** The answer to a request that needs a sign-in; `undefined` if the user has signed in meanwhile. */
  show(need: SignInNeed, request: JsonRpcMessage): Effect.Effect<JsonRpcMessage | undefined, SignInNeed> {
    return Effect.gen({ self: this }, function* () {
      if (this.#running === undefined || this.#running.isSignedIn.pollUnsafe() !== undefined) {
        const url = yield* Deferred.make<URL>()
        const signedIn = this.#signIn
          .join(need, (page) => Deferred.succeed(url, page))
          .pipe(
            Effect.as(true),
            Effect.catch((error) => Effect.as(this.#tell(error), false))
          )
        this.#running = { url, isSignedIn: yield* Effect.forkIn(signedIn, this.#scope) }
      }
      const { isSignedIn, url } = this.#running
      const first = yield* Effect.raceFirst(Fiber.join(isSignedIn), Deferred.await(url)).pipe(
        Effect.timeoutOption(signInHold)
      )
      if (Option.isNone(first) || first.value === false) return yield* need
      if (first.value === true) return undefined
      const params = request.raw("params")
      const state = this.#wait({
        need,
        inputResponses: valueAt(params, "inputResponses"),
        requestState: valueAt(params, "requestState")
      })
      return this.#answer(request, state, first.value)
    })
  }

  #wait(waiting: Waiting): string {
    const state = JSON.parse(this.#ownId()) as string
    this.#waiting.set(state, waiting)
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > maxWaiting && oldest !== undefined) this.#waiting.delete(oldest)
    return state
  }

  /** Without a page, a client sends the request again at once. */
  #answer(request: JsonRpcMessage, requestState: string, page?: URL): JsonRpcMessage {
    const message = "The server needs you to sign in."
    const params = { mode: "url", url: page?.href, message }
    const inputRequests = page && { [question]: { method: "elicitation/create", params } }
    return jsonRpcMessage({ result: { resultType: "input_required", inputRequests, requestState } }).withId(
      request.id ?? "null"
    )
  }

  /** A request that comes again after a page; `undefined` for any other one. */
  resume(request: JsonRpcMessage): Resumed | undefined {
    if (this.#waiting.size === 0) return undefined
    const params = request.raw("params")
    const state = parsedAt(params, "requestState")
    const waiting = typeof state === "string" ? this.#waiting.get(state) : undefined
    if (typeof state !== "string" || waiting === undefined) return undefined
    this.#waiting.delete(state)
    const { inputResponses, need, requestState } = waiting
    const action = parsedAt(params, "inputResponses", question, "action")
    const isRefused = action === "decline" || action === "cancel"
    const ready = Effect.gen({ self: this }, function* () {
      // The next request shows the page again, in place of waiting for one that the user has closed.
      if (isRefused) yield* this.#signIn.stop
      if (isRefused || this.#running === undefined) return yield* need
      const ended = yield* Effect.timeoutOption(Fiber.join(this.#running.isSignedIn), signInHold)
      if (Option.isNone(ended)) return this.#answer(request, this.#wait(waiting))
      return ended.value ? undefined : yield* need
    })
    return {
      request: request.withParams(withMembers(params, { inputResponses, requestState })),
      ready
    }
  }
}
