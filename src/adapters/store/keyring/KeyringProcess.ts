import type { ChildProcess } from "node:child_process"
import type { Socket } from "node:net"
import { Effect, Layer, Option, Redacted, Schedule, Semaphore } from "effect"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import { BackendError, type StorageFailure, TimedOut } from "../../../ports/StorageFailure.ts"
import { abortAfter } from "../../platform/AbortAfter.ts"
import { Keyring } from "./Keyring.ts"
import { failureOf } from "./KeyringFailure.ts"
import { type FoundEntry, type KeyringMessage, type KeyringRequest, lines } from "./KeyringMessages.ts"
import { type KeyringBackend, service } from "./KeyringName.ts"
import { startChild } from "./KeyringStart.ts"
import { type KeyringTimeouts, timeouts } from "./KeyringLimits.ts"
import { sleepByLoad } from "./SleepByLoad.ts"

/** How the keyring is used. */
export interface KeyringProcessOptions {
  readonly backend: KeyringBackend
  /**
   * Shows one line to the user, who may have to unlock the keyring. Absent in a non-interactive run: a keyring that
   * waits for a user times out.
   */
  readonly tell?: ((message: string) => Effect.Effect<void>) | undefined
  /** Absent: {@link timeouts}. */
  readonly timeouts?: KeyringTimeouts
  /** Starts the keyring process. Absent: {@link startChild}. */
  readonly start?: (backend: KeyringBackend) => ChildProcess
}

/** Retries after a keyring stopped or was too slow. Every request can be repeated. */
const retrySchedule = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 4 }))

type Outcome = Extract<KeyringMessage, { readonly tag: "answer" | "fault" }>

/** A running keyring process, and its last message. */
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
      lines((line) => this.#receive(JSON.parse(line) as KeyringMessage))
    )
    const end = () => {
      this.#ended = true
      this.#whenReady?.()
      this.#outcome?.("ended")
    }
    process.on("exit", end)
    process.on("error", end)
    // The pipe closes with the process, whose end is handled above.
    process.stdin?.on("error", () => undefined)
  }

  get ended(): boolean {
    return this.#ended
  }

  #receive(message: KeyringMessage) {
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
        this.#keepRunning(false)
        resume(Effect.succeed(outcome))
      }
      // The program keeps running while it waits for an answer.
      this.#keepRunning(true)
      this.process.stdin?.write(`${JSON.stringify(request)}\n`)
    })
  }

  #keepRunning(keep: boolean) {
    // The pipe to a child is a socket, typed as a stream.
    const stdout = this.process.stdout as Socket | null
    stdout?.[keep ? "ref" : "unref"]()
  }

  /** Kills the process, which is the only way to end a blocking call. */
  kill() {
    this.#ended = true
    this.process.kill("SIGKILL")
  }
}

/**
 * Uses the keyring in a child process: a system call can block forever and cannot be cancelled, but a process can be
 * killed. One process serves all calls, one at a time. Secrets are sent over its pipes.
 */
export const layer = (options: KeyringProcessOptions): Layer.Layer<Keyring> =>
  Layer.effect(
    Keyring,
    Effect.gen(function* () {
      const { tell } = options
      const backend = storageBackends[options.backend]
      const allowed = options.timeouts ?? timeouts
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

      const started = Effect.sync(() => {
        if (running === undefined || running.ended) running = new Child(start(options.backend))
        return running
      })

      const ready = Effect.gen(function* () {
        const child = yield* started
        yield* within(child.whenReady, child, sleepByLoad(allowed.start))
        if (child.ended) {
          return yield* fail(new BackendError({ backend, detail: "its helper process did not start" }))
        }
        return child
      })

      const ask = Effect.fn("KeyringProcess.ask")(
        function* (request: KeyringRequest) {
          const child = yield* ready
          let waited = 0
          const expire = Effect.gen(function* () {
            waited = yield* sleepByLoad(allowed.answer)
            // A bus that never answers shows no prompt; a keyring that was reached may.
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
              ? new BackendError({ backend, detail: "its helper process ended" })
              : new TimedOut({
                  backend,
                  after: waited,
                  detail: child.connected
                    ? "it is probably locked, and waits to be unlocked"
                    : "the session bus accepts connections and does not answer"
                })
          )
        },
        turn.withPermit,
        Effect.retry({ schedule: retrySchedule, while: ({ reason }) => reason._tag === "BackendError" })
      )

      return Keyring.of({
        description: {
          backend,
          location: `service ${service}`
        },
        prepare: Effect.asVoid(started),
        get: (account) =>
          Effect.map(ask({ op: "get", account }), (answer) =>
            typeof answer === "string"
              ? Option.some(Uint8Array.from(Buffer.from(answer, "base64")))
              : Option.none()
          ),
        set: (account, secret) =>
          Effect.asVoid(ask({ op: "set", account, secret: Buffer.from(secret).toString("base64") })),
        find: (service) =>
          Effect.map(ask({ op: "find", account: service }), (answer) => {
            const found = JSON.parse(typeof answer === "string" ? answer : "[]") as ReadonlyArray<FoundEntry>
            return found.map(({ account, password }) => ({ account, secret: Redacted.make(password) }))
          }),
        remove: (account) => Effect.map(ask({ op: "remove", account }), (answer) => answer === true)
      })
    })
  )
