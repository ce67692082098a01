import { Cause, Duration, Effect, Exit, Layer, Option, Redacted } from "effect"
import * as MemoryClientRegistrations from "../../src/adapters/store/memory/MemoryClientRegistrations.ts"
import * as Credentials from "../../src/app/credentials/Credentials.ts"
import { signInHold } from "../../src/app/proxy/ProxyLimits.ts"
import * as SignInPrompt from "../../src/app/proxy/SignInPrompt.ts"
import * as SignIn from "../../src/app/signin/SignIn.ts"
import * as SignOut from "../../src/app/signin/SignOut.ts"
import { StorageMove } from "../../src/app/storage/StorageMove.ts"
import * as AccessTokens from "../../src/app/tokens/AccessTokens.ts"
import type { BearerChallenge } from "../../src/domain/Challenge.ts"
import { DeviceAuthorization } from "../../src/ports/DeviceAuthorization.ts"
import { quietPeriod } from "../../src/domain/BrowserElection.ts"
import { defaultTokenPolicy, TokenPolicy } from "../../src/ports/TokenPolicy.ts"
import type { Machine } from "./engine/Machine.ts"
import type { Seed } from "./engine/Seed.ts"
import type { VirtualProcess } from "./engine/VirtualProcess.ts"
import { nameOf } from "./ErrorName.ts"
import type { Call, CallResult } from "./judge/Facts.ts"
import type { History } from "./judge/History.ts"
import { startProxy } from "./ProxyProgram.ts"
import type { Account } from "./world/Account.ts"
import { MovingStore } from "./world/MovingStore.ts"
import { furtherScope, type OAuth } from "./world/OAuth.ts"
import type { Store } from "./world/Store.ts"
import { Openings } from "./world/Openings.ts"
import { userOf } from "./world/User.ts"
import type { World } from "./world/World.ts"

/**
 * The longest that a call may take, in milliseconds: without a user, where a browser may open, and through a proxy, which asks for
 * a token before and after it holds the call for a sign-in.
 */
const longestCall = { alone: 400_000, attended: 1_500_000, proxied: 2 * 400_000 + signInHold }
/** Milliseconds after the last fault until everything must work. */
const settlingTime = 60_000
/** Milliseconds after the last fault until the last pause is over. A process that continues then can hold a lock. */
export const latePause = 30_000
/** Milliseconds between two messages of a client: one that tries again at once, and one that a user has closed. */
const clientTimes = [5000, 60_000, 720_000]

const challengeOf = (status: 401 | 403): BearerChallenge => ({
  error: status === 401 ? "invalid_token" : "insufficient_scope",
  scope: status === 401 ? undefined : furtherScope,
  resourceMetadata: undefined
})

/** What the programs of a run share. */
export interface HostParts {
  readonly accounts: ReadonlyArray<Account>
  readonly oauth: OAuth
  readonly store: Store
}

/** How a client starts its proxy. */
export interface ProxyOptions {
  readonly account: Account
  readonly mayOpenBrowser: boolean
  /** How often the client starts a session. */
  readonly calls: number
}

/** One program, while it runs. */
interface Program {
  readonly process: VirtualProcess
  readonly stream: Seed
  readonly isAttended: boolean
  /** Absent: it is no proxy. */
  readonly proxy?: ProxyOptions
  /** How many sign-ins to an account the user, or its server, has requested and not got. */
  readonly requested: Map<string, number>
}

/** Runs the programs of a simulated world. */
export class Host {
  readonly #world: World
  readonly #history: History
  readonly #parts: HostParts
  readonly #openings: Openings
  #spawned = 0

  constructor(world: World, history: History, parts: HostParts) {
    this.#world = world
    this.#history = history
    this.#parts = parts
    this.#openings = new Openings(world)
  }

  /** The layers of one process: its own memory over what all share. */
  #core({ isAttended, process, proxy, requested }: Program) {
    const { accounts, oauth, store } = this.#parts
    const { holdFor } = this.#world.scenario
    const policy = {
      ...defaultTokenPolicy,
      ...(holdFor === 0 ? {} : { holdFor: Duration.millis(holdFor) })
    }
    const isRequested = (account: string) => (requested.get(account) ?? 0) > 0
    const isProxy = proxy !== undefined
    const user = userOf(this.#world, process, accounts, { isPresent: isAttended, isRequested, isProxy })
    return Layer.mergeAll(AccessTokens.layer, SignOut.layer).pipe(
      Layer.provideMerge(SignIn.layer),
      Layer.provideMerge(Credentials.layer),
      Layer.provideMerge(store.layer(process)),
      Layer.provideMerge(
        Layer.mergeAll(
          proxy === undefined ? user : Layer.provide(SignInPrompt.layer, user).pipe(Layer.provideMerge(user)),
          this.#openings.layer(process, proxy?.mayOpenBrowser === true),
          oauth.tokenEndpoint(process),
          oauth.discovery(process),
          oauth.registrar(process),
          Layer.mock(DeviceAuthorization, {}),
          MemoryClientRegistrations.layer
        )
      ),
      Layer.provideMerge(Layer.succeed(TokenPolicy, policy))
    )
  }

  /** Runs something that a user has asked for, and that may open a browser whatever is stored. */
  #requested<A, E, R>({ requested }: Program, account: string, effect: Effect.Effect<A, E, R>) {
    const add = (change: number) =>
      Effect.sync(() => void requested.set(account, (requested.get(account) ?? 0) + change))
    return Effect.andThen(add(1), Effect.ensuring(effect, add(-1)))
  }

  /** Requests one access token, and tells the judge how that ended. Absent: there is none. */
  readonly #watched = Effect.fnUntraced(function* <R>(
    this: Host,
    { isAttended, process, stream }: Program,
    { name: account, resource }: Account,
    kind: "first" | "last" | "sign-in",
    request: Effect.Effect<Redacted.Redacted, unknown, R>
  ) {
    const { fails, nextId, simulator, tell } = this.#world
    const call = {
      id: nextId(),
      process,
      account,
      resource,
      at: simulator.now,
      pausedBefore: process.pausedFor,
      limit: isAttended ? longestCall.attended : longestCall.alone,
      familyBefore: kind === "sign-in" ? undefined : this.#history.storedFamily(account)?.name,
      isAfterFaults: kind === "last"
    }
    tell({ _tag: "CallBegan", call })
    const end = (result: CallResult, text: string) => {
      simulator.trace(process.name, `call ${call.id} for ${account}: ${text}`)
      tell({ _tag: "CallEnded", call, result })
    }
    const leavesAfter = kind !== "last" && fails(stream, "leave") ? stream.integer(1, 20_000) : undefined
    const exit = yield* Effect.exit(
      leavesAfter === undefined ? Effect.asSome(request) : Effect.timeoutOption(request, leavesAfter)
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
    const accessToken = exit.value.value
    end({ _tag: "Token", accessToken: Redacted.value(accessToken) }, Redacted.value(accessToken))
    return accessToken
  })

  #get(program: Program, account: Account, isLast: boolean, status?: 401) {
    const challenge = status === undefined ? {} : { challenge: challengeOf(status) }
    const request = AccessTokens.AccessTokens.use((tokens) =>
      tokens.get({ server: account.server, ...challenge })
    )
    return this.#watched(
      program,
      account,
      isLast ? "last" : "first",
      Effect.map(request, ({ accessToken }) => accessToken)
    )
  }

  /** One use of an MCP server: a token, and another one after a 401, or after a 403 for its scope. */
  readonly #call = Effect.fnUntraced(function* (
    this: Host,
    program: Program,
    account: Account,
    isLast: boolean
  ) {
    const { families, fails, simulator, tell } = this.#world
    const { process, stream } = program
    const accessToken = yield* this.#get(program, account, isLast)
    if (accessToken === undefined) return
    yield* Effect.sleep(stream.integer(5, 50))
    const text = Redacted.value(accessToken)
    const tokens = yield* AccessTokens.AccessTokens
    const { name, server } = account
    if (!families.accepts(text, simulator.now)) {
      simulator.trace(process.name, `${text} is answered with 401`)
      yield* tokens.reject({ server }, accessToken)
      tell({ _tag: "TokenRefused", process, accessToken: text })
      yield* this.#get(program, account, isLast, 401)
      return
    }
    if (isLast || families.ofAccessToken(text)?.scopes.includes(furtherScope) !== false) return
    if (!fails(stream, "stepUp")) return
    simulator.trace(process.name, `${text} is answered with 403`)
    const stepUp = this.#requested(
      program,
      name,
      tokens.stepUp({ server, challenge: challengeOf(403) }, accessToken)
    )
    const exit = yield* Effect.exit(stepUp)
    const got = Exit.isSuccess(exit)
      ? Option.match(exit.value, {
          onNone: () => text,
          onSome: (found) => Redacted.value(found.accessToken)
        })
      : undefined
    simulator.trace(process.name, `step-up: ${got ?? "failed"}`)
    if (got !== undefined) tell({ _tag: "SteppedUp", process, accessToken: got, scope: furtherScope })
  })

  readonly #signOut = Effect.fnUntraced(function* (
    this: Host,
    { process, stream }: Program,
    { key, name, server }: Account
  ) {
    const { simulator, tell } = this.#world
    const signOut = yield* SignOut.SignOut
    const isLogout = stream.chance(0.5)
    simulator.trace(process.name, `signs out of ${name}`)
    tell({ _tag: "SignOutBegan", process, account: name })
    const run = isLogout
      ? Effect.asVoid(signOut.logout(server))
      : Effect.asVoid(signOut.reset(server.name, undefined, key.resource))
    const exit = yield* Effect.exit(run)
    const isDone = Exit.isSuccess(exit)
    simulator.trace(process.name, `sign-out of ${name}: ${isDone ? "done" : "failed"}`)
    tell({ _tag: "SignOutEnded", process, account: name, isDone })
  })

  readonly #signIn = Effect.fnUntraced(function* (this: Host, program: Program, account: Account) {
    const { simulator } = this.#world
    simulator.trace(program.process.name, `signs in to ${account.name} once more`)
    const signIn = SignIn.SignIn.use((_) => _.signIn({ server: account.server }))
    const request = Effect.map(signIn, ({ tokens }) => tokens.accessToken)
    yield* this.#requested(program, account.name, this.#watched(program, account, "sign-in", request))
  })

  readonly #move = Effect.fnUntraced(function* (this: Host, { process }: Program) {
    const { store } = this.#parts
    const { count, simulator } = this.#world
    const move = yield* Effect.serviceOption(StorageMove)
    if (!(store instanceof MovingStore) || Option.isNone(move)) return
    const to = store.other
    count("move")
    simulator.trace(process.name, `moves the sign-ins to ${to}`)
    const exit = yield* Effect.exit(move.value.move(to))
    simulator.trace(process.name, `move to ${to}: ${Exit.isSuccess(exit) ? "done" : "failed"}`)
  })

  /** What a program does with an account: mostly calls, several at a time. */
  readonly #act = Effect.fnUntraced(function* (this: Host, program: Program, account: Account) {
    const { fails } = this.#world
    const { isAttended, stream } = program
    if (fails(stream, "signOut")) return yield* this.#signOut(program, account)
    if (isAttended && fails(stream, "signIn")) return yield* this.#signIn(program, account)
    const width = stream.chance(0.4) ? stream.integer(2, 4) : 1
    const { accounts } = this.#parts
    const calls = Array.from({ length: width }, (_, index) =>
      this.#call(program, index === 0 ? account : stream.pick(accounts), false)
    )
    yield* Effect.all(calls, { concurrency: "unbounded", discard: true })
  })

  readonly #life = Effect.fnUntraced(function* (this: Host, program: Program, calls: number) {
    const { healAt, scenario, simulator } = this.#world
    const { process, stream } = program
    const movesAfter = stream.chance(scenario.faults.move / scenario.processes)
      ? stream.integer(0, calls - 1)
      : -1
    for (let index = 0; index < calls; index++) {
      yield* Effect.sleep(stream.integer(0, Math.floor(scenario.lifetime * 1.2)))
      yield* this.#act(program, stream.pick(this.#parts.accounts))
      if (index === movesAfter) yield* this.#move(program)
    }
    yield* Effect.sleep(Math.max(0, healAt - simulator.now) + settlingTime + stream.integer(0, 60_000))
    process.operationsLeft = undefined
    for (const account of this.#parts.accounts) yield* this.#call(program, account, true)
  })

  /** What a client does with its proxy: a session, a call now and then, and the next session. */
  readonly #proxied = Effect.fnUntraced(function* (this: Host, program: Program, options: ProxyOptions) {
    const { fails, healAt, nextId, simulator, tell } = this.#world
    const { process, stream } = program
    const { account, calls, mayOpenBrowser } = options
    const { name, resource } = account
    const proxy = yield* startProxy(this.#world, process, account)
    tell({ _tag: "ProxyStarted", process, account: name, server: account.server.name, mayOpenBrowser })
    const ask = Effect.fnUntraced(function* (
      this: Host,
      method: NonNullable<Call["method"]>,
      isAfterFaults: boolean
    ) {
      const call: Call = {
        id: nextId(),
        process,
        account: name,
        resource,
        at: simulator.now,
        pausedBefore: process.pausedFor,
        limit: longestCall.proxied,
        familyBefore: this.#history.storedFamily(name)?.name,
        isAfterFaults,
        method
      }
      tell({ _tag: "CallBegan", call })
      const answer = yield* proxy.ask(method)
      const text = answer._tag === "Token" ? answer.accessToken : answer.error
      simulator.trace(process.name, `${method} ${call.id} for ${name}: ${text}`)
      tell({ _tag: "CallEnded", call, result: answer })
      return answer
    }).bind(this)
    for (let index = 0; index < calls; index++) {
      yield* Effect.sleep(stream.integer(0, index === 0 ? 2000 : stream.pick(clientTimes)))
      const answer = yield* ask("initialize", false)
      if (answer._tag === "Token" && stream.chance(0.5)) {
        yield* Effect.sleep(stream.integer(0, stream.pick(clientTimes)))
        yield* ask("tools/call", false)
      }
      if (index + 1 < calls && fails(stream, "restart")) {
        tell({ _tag: "ProxyStopped", process })
        return calls - index - 1
      }
    }
    yield* Effect.sleep(
      Math.max(0, healAt - simulator.now) + quietPeriod + settlingTime + stream.integer(0, 60_000)
    )
    process.operationsLeft = undefined
    yield* ask("initialize", true)
    return 0
  }, Effect.scoped)

  /** Starts a process, and another one in its place if it crashes. */
  spawn(machine: Machine, options: { readonly isAttended: boolean; readonly calls: number }): void {
    const { simulator } = this.#world
    const process = simulator.process(`p${++this.#spawned}@${machine.name}`, machine)
    const stream = simulator.seed.fork(`life of ${process.name}`)
    const program: Program = { process, stream, isAttended: options.isAttended, requested: new Map() }
    this.#endanger(program, () => {
      const next = { ...options, calls: Math.ceil(options.calls / 2) }
      return this.spawn(machine, next)
    })
    this.#run(program, Effect.provide(this.#life(program, options.calls), this.#core(program)))
  }

  /** Starts a proxy, and another one in its place if it crashes, or if its client ends it. */
  spawnProxy(machine: Machine, options: ProxyOptions): void {
    const { simulator, tell } = this.#world
    const process = simulator.process(`x${++this.#spawned}@${machine.name}`, machine)
    const stream = simulator.seed.fork(`life of ${process.name}`)
    const program: Program = { process, stream, isAttended: false, proxy: options, requested: new Map() }
    const startNext = (calls: number) => this.spawnProxy(machine, { ...options, calls })
    this.#endanger(program, () => startNext(Math.ceil(options.calls / 2)))
    this.#run(
      program,
      this.#proxied(program, options).pipe(
        Effect.provide(this.#core(program)),
        Effect.map((callsLeft) => {
          tell({ _tag: "ProxyEnded", process })
          if (callsLeft > 0) simulator.after(stream.integer(10, 5000), () => startNext(callsLeft))
        })
      )
    )
  }

  /** Plans the crash and the pauses of a process. */
  #endanger({ process, stream }: Program, restart: () => void): void {
    const { count, healAt, scenario, simulator, tell } = this.#world
    const { crash, pause } = scenario.faults
    // As often early as late: a process takes about 2,000 operations, and several times that over Vault.
    if (stream.chance(crash)) process.operationsLeft = Math.floor(50 * 100 ** stream.next())
    process.onCrash.push(() => {
      count("crash")
      tell({ _tag: "Crashed", process })
      if (simulator.now >= healAt || stream.chance(0.2)) return
      simulator.after(stream.integer(100, 30_000), restart)
    })
    const pauses = stream.chance(pause * 2) ? stream.integer(1, 3) : 0
    for (let index = 0; index < pauses; index++) {
      simulator.after(stream.integer(0, healAt), () => {
        if (process.isDead) return
        const length = Math.min(stream.integer(100, 120_000), healAt + latePause - simulator.now)
        if (length <= 0) return
        count("pause")
        process.pause(length)
        tell({ _tag: "Paused", process, until: process.pausedUntil })
      })
    }
  }

  #run<E>({ process }: Program, life: Effect.Effect<unknown, E>): void {
    process.run(
      life.pipe(
        Effect.exit,
        Effect.map((exit) => {
          process.hasEnded = true
          this.#world.simulator.trace(
            process.name,
            Exit.isSuccess(exit) ? "ends" : `ends: ${Cause.pretty(exit.cause)}`
          )
        })
      )
    )
  }
}
