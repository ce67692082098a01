import { Deferred, Effect, Redacted, type Scope } from "effect"
import { errorText } from "../../src/app/cli/RemedyText.ts"
import type { Credentials } from "../../src/app/credentials/Credentials.ts"
import { Relay } from "../../src/app/proxy/Relay.ts"
import { makeSessionSignIn } from "../../src/app/proxy/SessionSignIn.ts"
import type { SignIn } from "../../src/app/signin/SignIn.ts"
import { type AccessTokenError, AccessTokens } from "../../src/app/tokens/AccessTokens.ts"
import { type JsonRpcMessage, jsonRpcMessage } from "../../src/domain/JsonRpcMessage.ts"
import type { BrowserOpenings } from "../../src/ports/BrowserOpenings.ts"
import type { Wire } from "../../src/ports/McpWire.ts"
import type { VirtualProcess } from "./engine/VirtualProcess.ts"
import { nameOf } from "./ErrorName.ts"
import type { Account } from "./world/Account.ts"
import type { World } from "./world/World.ts"

/** What a client gets from its proxy. */
export type ProxyAnswer =
  | { readonly _tag: "Token"; readonly accessToken: string }
  | { readonly _tag: "Failed"; readonly error: string; readonly isTyped: boolean }

/** A proxy as its client sees it. */
export interface ProxyProgram {
  /** Sends a request, and waits for its answer. */
  readonly ask: (method: "initialize" | "tools/call") => Effect.Effect<ProxyAnswer>
}

/** The way to an MCP server that answers each request with the access token that it came with. */
const wireTo = Effect.fnUntraced(function* (world: World, process: VirtualProcess, { server }: Account) {
  const { families, simulator, tell } = world
  const stream = simulator.seed.fork(`wire of ${process.name}`)
  const tokens = yield* AccessTokens
  const post: Wire<AccessTokenError>["post"] = Effect.fnUntraced(function* (message, deliver) {
    if (message.kind !== "request") return { _tag: "Accepted" }
    let { accessToken } = yield* tokens.get({ server })
    yield* Effect.sleep(stream.integer(5, 50))
    const text = Redacted.value(accessToken)
    if (!families.accepts(text, simulator.now)) {
      simulator.trace(process.name, `${text} is answered with 401`)
      yield* tokens.reject({ server }, accessToken)
      tell({ _tag: "TokenRefused", process, accessToken: text })
      const challenge = { error: "invalid_token", scope: undefined, resourceMetadata: undefined }
      accessToken = (yield* tokens.get({ server, challenge })).accessToken
    }
    const result = { accessToken: Redacted.value(accessToken) }
    yield* deliver(jsonRpcMessage({ result }).withId(message.id ?? "null"))
    return { _tag: "Answered" }
  })
  const wire: Wire<AccessTokenError> = {
    session: () => undefined,
    post,
    listen: () => Effect.succeed({ _tag: "NotOffered", status: 405 })
  }
  return wire
})

/** Starts a proxy, which is the real one without its standard streams and HTTP. */
export const startProxy = Effect.fnUntraced(function* (
  world: World,
  process: VirtualProcess,
  account: Account
): Effect.fn.Return<
  ProxyProgram,
  never,
  AccessTokens | BrowserOpenings | Credentials | Scope.Scope | SignIn
> {
  const { simulator } = world
  /** The names of the errors by their texts. */
  const errors = new Map<string, string>()
  const answers = new Map<string, Deferred.Deferred<ProxyAnswer>>()
  let serial = 0

  const failed = (text: string): ProxyAnswer => {
    const name = errors.get(text)
    return {
      _tag: "Failed",
      error: name === undefined ? text : `${name}: ${text}`,
      isTyped: name !== undefined
    }
  }
  const answerOf = (message: JsonRpcMessage): ProxyAnswer => {
    const { error, result } = JSON.parse(message.line().text()) as {
      readonly error?: { readonly message: string }
      readonly result?: {
        readonly accessToken?: string
        readonly content?: ReadonlyArray<{ readonly text: string }>
      }
    }
    return result?.accessToken === undefined
      ? failed(error?.message ?? result?.content?.[0]?.text ?? "")
      : { _tag: "Token", accessToken: result.accessToken }
  }

  const relay = yield* Relay.make({
    server: account.server.name,
    wire: yield* wireTo(world, process, account),
    signIn: yield* makeSessionSignIn(account.server, undefined),
    rules: [],
    silence: 0,
    prefix: "proxy-",
    toClient: (message) =>
      Effect.suspend(() => {
        const answer = answers.get(message.id ?? "")
        return answer === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(answer, answerOf(message)))
      }),
    textOf: (error) => {
      const text = errorText(error).replaceAll("\n", " ")
      errors.set(text, nameOf(error))
      return text
    },
    tell: (error) => Effect.sync(() => simulator.trace(process.name, `tells ${nameOf(error)}`))
  })
  return {
    ask: Effect.fnUntraced(function* (method) {
      const id = String(++serial)
      const answer = yield* Deferred.make<ProxyAnswer>()
      answers.set(id, answer)
      yield* relay.take({ _tag: "Message", message: jsonRpcMessage({ method, params: {} }).withId(id) })
      const found = yield* Deferred.await(answer)
      answers.delete(id)
      return found
    })
  }
})
