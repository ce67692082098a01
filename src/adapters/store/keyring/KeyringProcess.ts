import type { ChildProcess } from "node:child_process"
import type { Socket } from "node:net"
import { availableParallelism, loadavg } from "node:os"
import { Effect, Layer, Option, Schedule, Semaphore } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { BackendError, type StorageFailure, TimedOut } from "../../../ports/StorageFailure.ts"
import { abortAfter } from "../../platform/AbortAfter.ts"
import { Keyring } from "./Keyring.ts"
import { failureOf } from "./KeyringFailure.ts"
import { type KeyringMessage, type KeyringRequest, lines } from "./KeyringMessages.ts"
import { type KeyringBackend, service } from "./KeyringName.ts"
import { startChild } from "./KeyringStart.ts"

/** How a keyring is asked. */
export interface KeyringProcessOptions {
  readonly backend: KeyringBackend
  /**
   * Says one line to the user that may unlock the keyring now; absent: nobody is there, and a keyring that waits
   * for somebody is given up at once.
   */
  readonly tell?: ((message: string) => Effect.Effect<void>) | undefined
  /** Seconds; absent: {@link limits}. */
  readonly limits?: KeyringLimits
  /** Starts the process; absent: ours. */
  readonly start?: (backend: KeyringBackend) => ChildProcess
}

/** How long each step may take, in seconds. */
export interface KeyringLimits {
  /** Until the process runs. It says nothing of the keyring. */
  readonly start: number
  /** Until the keyring has answered. */
  readonly answer: number
  /** Until it has answered while a user is asked to unlock it. */
  readonly user: number
}

/** The limits that hold unless others are given. */
export const limits: KeyringLimits = { start: 30, answer: 3, user: 60 }

/** Programs that may wait for a processor before a machine counts as overloaded. */
const crowded = 4

/**
 * So many seconds, and longer where the machine has no time for us or for the keyring: fifty programs that start at once
 * on two cores should not take each other for a keyring that hangs.
 *
 * @returns how many seconds it was
 */
const unhurried = (seconds: number): Effect.Effect<number> =>
  Effect.suspend(() => {
    const crowd = (loadavg()[0] ?? 0) / availableParallelism() / crowded
    const given = crowd <= 1 ? seconds : Math.round(seconds * Math.min(crowd, 10))
    return Effect.as(Effect.sleep(`${given} seconds`), given)
  })

/** A keyring that stopped in the middle, or had no time, is asked again; what is asked can be asked twice. */
const again = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 4 }))

type Outcome = Extract<KeyringMessage, { readonly tag: "answer" | "fault" }>

/** A running process, and what it last said. */
class Child {
  readonly process: ChildProcess
  connected = false
  #ready = false
  #ended = false
  #outcome: ((outcome: Outcome | "ended") => void) | undefined
  #whenReady: (() => void) | undefined

  constructor(process: ChildProcess) {
    this.process = process
    process.stdout?.setEncoding("utf8")
    process.stdout?.on(
      "data",
      lines((line) => this.#take(JSON.parse(line) as KeyringMessage))
    )
    const end = () => {
      this.#ended = true
      this.#whenReady?.()
      this.#outcome?.("ended")
    }
    process.on("exit", end)
    process.on("error", end)
    // A process that has ended closes the pipe; that it ended is said by the above.
    process.stdin?.on("error", () => undefined)
  }

  get ended(): boolean {
    return this.#ended
  }

  #take(message: KeyringMessage) {
    if (message.tag === "ready") {
      this.#ready = true
      this.#whenReady?.()
    } else if (message.tag === "connected") this.connected = true
    else this.#outcome?.(message)
  }

  readonly whenReady: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.#ready || this.#ended) return resume(Effect.void)
    this.#whenReady = () => resume(Effect.void)
  })

  ask(request: KeyringRequest): Effect.Effect<Outcome | "ended"> {
    return Effect.callback<Outcome | "ended">((resume) => {
      if (this.#ended) return resume(Effect.succeed("ended"))
      this.connected = false
      this.#outcome = (outcome) => {
        this.#outcome = undefined
        this.#stay(false)
        resume(Effect.succeed(outcome))
      }
      // While somebody waits for its answer, the program stays.
      this.#stay(true)
      this.process.stdin?.write(`${JSON.stringify(request)}\n`)
    })
  }

  #stay(stays: boolean) {
    // A pipe to a child is a socket, of which its type says only that it is a stream.
    const stdout = this.process.stdout as Socket | null
    stdout?.[stays ? "ref" : "unref"]()
  }

  /** The only way to end a call that blocks it. */
  kill() {
    this.#ended = true
    this.process.kill("SIGKILL")
  }
}

/**
 * The keyring, spoken to by a process of its own: a call of the system's can block for good and cannot be cancelled,
 * but a process can be killed. One process serves all calls, one at a time; secrets cross by its pipes.
 */
export const layer = (options: KeyringProcessOptions): Layer.Layer<Keyring> =>
  Layer.effect(
    Keyring,
    Effect.gen(function* () {
      const { tell } = options
      const backend = storageBackends[options.backend]
      const allowed = options.limits ?? limits
      const start = options.start ?? startChild
      const turn = Semaphore.makeUnsafe(1)
      let running: Child | undefined
      yield* Effect.addFinalizer(() => Effect.sync(() => running?.kill()))

      const fail = (reason: StorageFailure) => new StorageError({ reason })

      /** Waits for the child, and kills it at the timeout or on interruption. */
      const within = <A>(wait: Effect.Effect<A>, child: Child, expire: Effect.Effect<unknown>) =>
        wait.pipe(
          Effect.onInterrupt(() => Effect.sync(() => child.kill())),
          abortAfter(expire, () => child.kill())
        )

      const ready = Effect.gen(function* () {
        if (running !== undefined && !running.ended) return running
        const child = new Child(yield* Effect.sync(() => start(options.backend)))
        running = child
        yield* within(child.whenReady, child, unhurried(allowed.start))
        if (child.ended) {
          return yield* fail(
            new BackendError({ backend, detail: "the process that speaks to it did not start" })
          )
        }
        return child
      })

      const ask = Effect.fn("KeyringProcess.ask")(
        function* (request: KeyringRequest) {
          const child = yield* ready
          let waited = 0
          const expire = Effect.gen(function* () {
            waited = yield* unhurried(allowed.answer)
            // A bus that never answers asks nobody for anything; a keyring that was reached may.
            if (!child.connected || tell === undefined) return
            yield* tell(
              `Waiting up to ${allowed.user} seconds for ${backend.label}: if it asks for a password, or for permission, answer there.`
            )
            yield* Effect.sleep(`${allowed.user - allowed.answer} seconds`)
            waited += allowed.user - allowed.answer
          })
          const outcome = yield* within(child.ask(request), child, expire)
          if (outcome !== "ended" && outcome.tag === "answer") return outcome.answer
          if (outcome !== "ended")
            return yield* fail(failureOf(options.backend, request.account, outcome.fault))
          child.kill()
          return yield* fail(
            waited === 0
              ? new BackendError({ backend, detail: "the process that speaks to it ended" })
              : new TimedOut({
                  backend,
                  after: waited,
                  detail: child.connected
                    ? "it is probably locked, and waits for somebody to unlock it"
                    : "the session bus accepts connections and says nothing"
                })
          )
        },
        turn.withPermit,
        Effect.retry({ schedule: again, while: ({ reason }) => reason._tag === "BackendError" })
      )

      return Keyring.of({
        description: {
          backend,
          location: `service ${service}`
        },
        get: (account) =>
          Effect.map(ask({ op: "get", account }), (answer) =>
            typeof answer === "string"
              ? Option.some(Uint8Array.from(Buffer.from(answer, "base64")))
              : Option.none()
          ),
        set: (account, secret) =>
          Effect.asVoid(ask({ op: "set", account, secret: Buffer.from(secret).toString("base64") })),
        remove: (account) => Effect.map(ask({ op: "remove", account }), (answer) => answer === true)
      })
    })
  )
