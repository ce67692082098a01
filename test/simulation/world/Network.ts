import { Effect } from "effect"
import type { Seed } from "../engine/Seed.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { World } from "./World.ts"

/** Milliseconds until a token request is given up, as in `OAuthLimits`. */
const requestTimeout = 15_000

/** What the sender of a request learns. */
export type Outcome = "answered" | "no answer"

/** A request on its way. */
export interface Delivery<A> {
  /** How the trace names it. */
  readonly what: string
  /** Runs at the server, when the request arrives there. */
  readonly handle: () => A
  /** Called in the sender's process with what it learns, and how the request ended if there is no answer. */
  readonly ended?: (outcome: Outcome, end?: NoAnswer["end"]) => void
}

/** Why there is no answer. */
export class NoAnswer {
  readonly _tag = "NoAnswer"
  readonly detail: string
  /** `timeout`: the request may still arrive. */
  readonly end: "broke" | "timeout"

  constructor(detail: string, end: NoAnswer["end"]) {
    this.detail = detail
    this.end = end
  }
}

/**
 * Sends requests and brings answers back, or loses or delays either. The sender gives up after {@link requestTimeout}, but
 * its request may still arrive. An answer that has arrived counts, although the timeout of a paused sender is over too.
 */
export class Network {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** @param stream decides about the requests of one process */
  send<A>(
    process: VirtualProcess,
    stream: Seed,
    { ended = () => {}, handle, what }: Delivery<A>
  ): Effect.Effect<A, NoAnswer> {
    const { fails, simulator } = this.#world
    return Effect.callback<A, NoAnswer>((resume) => {
      let isOver = false
      let hasArrived = false
      const end = (outcome: Outcome, result: Effect.Effect<A, NoAnswer>, how?: NoAnswer["end"]) =>
        process.post(() => {
          if (isOver || (outcome === "no answer" && hasArrived)) return
          isOver = true
          cancelTimeout()
          ended(outcome, how)
          resume(result)
        })
      const giveUp = (detail: string, how: NoAnswer["end"]) => {
        simulator.trace(process.name, `${what}: ${detail}`)
        end("no answer", Effect.fail(new NoAnswer(detail, how)), how)
      }
      const cancelTimeout = simulator.after(requestTimeout, () => {
        if (!process.isDead) giveUp("no answer within 15 seconds", "timeout")
      })
      const breakOff = () => {
        if (stream.chance(0.5)) return
        simulator.after(stream.integer(10, 3000), () => {
          if (!process.isDead && !isOver) giveUp("the connection broke", "broke")
        })
      }
      const latency = () => (fails(stream, "slow") ? stream.integer(1000, 20_000) : stream.integer(5, 80))
      const isLost = fails(stream, "lostRequest")
      const isAnswerLost = fails(stream, "lostAnswer")
      if (isLost) {
        simulator.trace("network", `${what} of ${process.name} is LOST`)
        breakOff()
        return
      }
      simulator.after(latency(), () => {
        const answer = handle()
        if (isAnswerLost) {
          simulator.trace("network", `the answer to ${what} of ${process.name} is LOST`)
          breakOff()
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
