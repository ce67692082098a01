import { Effect } from "effect"
import type { Seed } from "../engine/Seed.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { World } from "./World.ts"

/** Milliseconds until a token request is given up, as in `OAuthLimits`. */
const requestTimeout = 30_000

/** What the sender of a request learns. */
export type Outcome = "answered" | "timeout" | "broke" | "not sent"

/** A request on its way. */
export interface Delivery<A> {
  /** How the trace names it. */
  readonly what: string
  /** Runs at the server when the request arrives there. */
  readonly handle: () => A
  /** Called if the request never arrives there. */
  readonly lost?: () => void
  /** Runs at the server when a copy of the request arrives there. Absent: nothing copies it. */
  readonly handleCopy?: () => void
  /** Called in the sender's process with what it learns. */
  readonly ended?: (outcome: Outcome) => void
}

/** Why there is no answer. */
export class NoAnswer {
  readonly _tag = "NoAnswer"
  readonly outcome: Exclude<Outcome, "answered">

  constructor(outcome: Exclude<Outcome, "answered">) {
    this.outcome = outcome
  }
}

/**
 * Sends requests and brings answers back; or loses, delays or copies them. The sender gives up after
 * {@link requestTimeout}, but its request may still arrive. An answer that has arrived counts, even if the timeout of a
 * paused sender is over too.
 */
export class Network {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** @param stream decides about the requests of one process */
  send<A>(process: VirtualProcess, stream: Seed, delivery: Delivery<A>): Effect.Effect<A, NoAnswer> {
    const { fails, simulator } = this.#world
    const { ended, handle, handleCopy, lost, what } = delivery
    return Effect.callback<A, NoAnswer>((resume) => {
      let isOver = false
      let hasArrived = false
      const end = (outcome: Outcome, result: Effect.Effect<A, NoAnswer>) =>
        process.post(() => {
          if (isOver || (outcome !== "answered" && hasArrived)) return
          isOver = true
          cancelTimeout()
          if (outcome !== "answered") simulator.trace(process.name, `${what}: ${outcome}`)
          ended?.(outcome)
          resume(result)
        })
      const giveUp = (outcome: Exclude<Outcome, "answered">) =>
        end(outcome, Effect.fail(new NoAnswer(outcome)))
      const cancelTimeout = simulator.after(requestTimeout, () => giveUp("timeout"))
      /** The sender learns it at once, or after its timeout. */
      const breakOff = (outcome: "broke" | "not sent") => {
        if (stream.chance(0.3)) return
        simulator.after(stream.integer(10, 3000), () => giveUp(outcome))
      }
      const latency = () => (fails(stream, "slow") ? stream.integer(1000, 20_000) : stream.integer(5, 80))
      const isLost = fails(stream, "lostRequest")
      const isAnswerLost = fails(stream, "lostAnswer")
      if (isLost) {
        lost?.()
        simulator.trace("network", `${what} of ${process.name} is LOST`)
        breakOff(stream.chance(0.5) ? "broke" : "not sent")
        return
      }
      simulator.after(latency(), () => {
        const answer = handle()
        if (handleCopy !== undefined && fails(stream, "duplicate")) {
          simulator.after(stream.integer(1, 3000), handleCopy)
        }
        if (isAnswerLost) {
          simulator.trace("network", `the answer to ${what} of ${process.name} is LOST`)
          breakOff("broke")
          return
        }
        simulator.after(latency(), () => {
          hasArrived = !isOver
          end("answered", Effect.succeed(answer))
        })
      })
    })
  }
}
