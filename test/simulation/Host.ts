import { Cause, Effect, Exit, Layer, Option, Redacted } from "effect"
import * as MemoryClientRegistrations from "../../src/adapters/store/memory/MemoryClientRegistrations.ts"
import * as Credentials from "../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../src/app/signin/SignIn.ts"
import * as AccessTokens from "../../src/app/tokens/AccessTokens.ts"
import { CredentialKey } from "../../src/domain/CredentialKey.ts"
import { defaultOAuth, type RemoteServer } from "../../src/domain/Server.ts"
import { ClientRegistrar } from "../../src/ports/ClientRegistrar.ts"
import { DeviceAuthorization } from "../../src/ports/DeviceAuthorization.ts"
import type { Machine } from "./engine/Machine.ts"
import type { Seed } from "./engine/Seed.ts"
import type { VirtualProcess } from "./engine/VirtualProcess.ts"
import type { CallResult } from "./judge/Facts.ts"
import type { History } from "./judge/History.ts"
import type { AuthorizationServer } from "./world/AuthorizationServer.ts"
import type { OAuth } from "./world/OAuth.ts"
import type { Store } from "./world/Store.ts"
import { userOf } from "./world/User.ts"
import type { World } from "./world/World.ts"

/** The MCP server of every run. */
export const server: RemoteServer = {
  _tag: "Http",
  name: "notion",
  url: new URL("https://notion.test/mcp"),
  headers: {},
  transport: "auto",
  oauth: {
    ...defaultOAuth,
    source: { _tag: "Discovered", client: { clientId: "sim", clientSecret: undefined } }
  }
}

/** Where its credential is stored. */
export const key = CredentialKey.of(server.name)

/** The longest that a call may take, in milliseconds: without a user, and where a browser may open. */
const longestCall = { alone: 300_000, attended: 1_200_000 }
/** Milliseconds after the last fault until everything must work. */
const settlingTime = 60_000

const nameOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null || !("_tag" in error)) return String(error)
  const detail =
    "reason" in error
      ? ((error.reason as { readonly _tag?: string })._tag ?? String(error.reason))
      : "why" in error
        ? String(error.why)
        : undefined
  return detail === undefined ? String(error._tag) : `${String(error._tag)}/${detail}`
}

/** Runs the programs of a simulated world. */
export class Host {
  readonly #world: World
  readonly #history: History
  readonly #authorizationServer: AuthorizationServer
  readonly #oauth: OAuth
  readonly #store: Store
  #spawned = 0

  constructor(
    world: World,
    history: History,
    parts: {
      readonly authorizationServer: AuthorizationServer
      readonly oauth: OAuth
      readonly store: Store
    }
  ) {
    this.#world = world
    this.#history = history
    this.#authorizationServer = parts.authorizationServer
    this.#oauth = parts.oauth
    this.#store = parts.store
  }

  /** The layers of one process: its own memory over what all share. */
  #core(process: VirtualProcess, isAttended: boolean) {
    const user = { isPresent: isAttended, account: key.storageName }
    return AccessTokens.layer.pipe(
      Layer.provideMerge(SignIn.layer),
      Layer.provideMerge(Credentials.layer),
      Layer.provideMerge(
        Layer.mergeAll(
          userOf(this.#world, process, this.#authorizationServer, user),
          this.#oauth.tokenEndpoint(process),
          this.#oauth.discovery(process),
          Layer.mock(ClientRegistrar, {}),
          Layer.mock(DeviceAuthorization, {}),
          MemoryClientRegistrations.layer,
          this.#store.layer(process)
        )
      )
    )
  }

  /** Requests one access token. Absent: there is none. */
  readonly #get = Effect.fnUntraced(function* (
    this: Host,
    process: VirtualProcess,
    stream: Seed,
    options: { readonly isAttended: boolean; readonly isLast: boolean; readonly hasChallenge: boolean }
  ) {
    const { hasChallenge, isAttended, isLast } = options
    const { fails, nextId, simulator, tell } = this.#world
    const account = key.storageName
    const call = {
      id: nextId(),
      process,
      account,
      at: simulator.now,
      pausedBefore: process.pausedFor,
      limit: isAttended ? longestCall.attended : longestCall.alone,
      familyBefore: this.#history.storedFamily(account)?.name,
      isAfterFaults: isLast
    }
    tell({ _tag: "CallBegan", call })
    const end = (result: CallResult, text: string) => {
      simulator.trace(process.name, `call ${call.id}: ${text}`)
      tell({ _tag: "CallEnded", call, result })
    }
    const leavesAfter = !isLast && fails(stream, "leave") ? stream.integer(1, 20_000) : undefined
    const tokens = yield* AccessTokens.AccessTokens
    const asked = tokens.get({
      server,
      ...(hasChallenge ? { challenge: { scheme: "Bearer" } as never } : {})
    })
    const exit = yield* Effect.exit(
      leavesAfter === undefined ? Effect.asSome(asked) : Effect.timeoutOption(asked, leavesAfter)
    )
    if (Exit.isFailure(exit)) {
      const isTyped = Cause.hasFails(exit.cause)
      const error = isTyped ? nameOf(Cause.squash(exit.cause)) : Cause.pretty(exit.cause)
      end({ _tag: "Failed", error, isTyped }, error)
      return undefined
    }
    if (Option.isNone(exit.value)) {
      end({ _tag: "Left" }, "the caller has left")
      return undefined
    }
    const { accessToken } = exit.value.value
    end({ _tag: "Token", accessToken: Redacted.value(accessToken) }, Redacted.value(accessToken))
    return accessToken
  })

  /** One use of the MCP server: a token, and another one after a 401. */
  readonly #call = Effect.fnUntraced(function* (
    this: Host,
    process: VirtualProcess,
    options: { readonly isAttended: boolean; readonly isLast: boolean }
  ) {
    const { nextId, simulator, tell } = this.#world
    const stream = simulator.seed.fork(`call ${nextId()} of ${process.name}`)
    const accessToken = yield* this.#get(process, stream, { ...options, hasChallenge: false })
    if (accessToken === undefined) return
    yield* Effect.sleep(stream.integer(5, 50))
    const text = Redacted.value(accessToken)
    if (this.#authorizationServer.accepts(text)) return
    simulator.trace(process.name, `${text} is answered with 401`)
    tell({ _tag: "TokenRefused", process, accessToken: text })
    const tokens = yield* AccessTokens.AccessTokens
    yield* tokens.reject({ server }, accessToken)
    yield* this.#get(process, stream, { ...options, hasChallenge: true })
  })

  readonly #life = Effect.fnUntraced(function* (
    this: Host,
    process: VirtualProcess,
    stream: Seed,
    options: { readonly isAttended: boolean; readonly calls: number }
  ) {
    const { healAt, scenario, simulator } = this.#world
    const { calls, isAttended } = options
    for (let index = 0; index < calls; index++) {
      yield* Effect.sleep(stream.integer(0, Math.floor(scenario.lifetime * 1.2)))
      const width = stream.chance(0.4) ? stream.integer(2, 4) : 1
      const call = this.#call(process, { isAttended, isLast: false })
      yield* Effect.all(
        Array.from({ length: width }, () => call),
        { concurrency: "unbounded" }
      )
    }
    yield* Effect.sleep(Math.max(0, healAt - simulator.now) + settlingTime + stream.integer(0, 60_000))
    process.operationsLeft = undefined
    yield* this.#call(process, { isAttended, isLast: true })
  })

  /** Starts a process, and another one in its place if it crashes. */
  spawn(machine: Machine, options: { readonly isAttended: boolean; readonly calls: number }): void {
    const { count, healAt, scenario, simulator, tell } = this.#world
    const { crash, pause } = scenario.faults
    const process = simulator.process(`p${++this.#spawned}@${machine.name}`, machine)
    const stream = simulator.seed.fork(`life of ${process.name}`)
    // As often early as late: a process takes about 2,000 operations, and several times that over Vault.
    if (stream.chance(crash)) process.operationsLeft = Math.floor(50 * 100 ** stream.next())
    process.onCrash.push(() => {
      count("crash")
      tell({ _tag: "Crashed", process })
      if (simulator.now >= healAt || stream.chance(0.2)) return
      const next = { ...options, calls: Math.ceil(options.calls / 2) }
      simulator.after(stream.integer(100, 30_000), () => this.spawn(machine, next))
    })
    const pauses = stream.chance(pause * 2) ? stream.integer(1, 3) : 0
    for (let index = 0; index < pauses; index++) {
      simulator.after(stream.integer(0, healAt), () => {
        if (process.isDead) return
        count("pause")
        process.pause(stream.integer(100, 120_000))
      })
    }
    process.run(
      this.#life(process, stream, options).pipe(
        Effect.provide(this.#core(process, options.isAttended)),
        Effect.exit,
        Effect.map((exit) =>
          simulator.trace(process.name, Exit.isSuccess(exit) ? "ends" : `ends: ${Cause.pretty(exit.cause)}`)
        )
      )
    )
  }
}
