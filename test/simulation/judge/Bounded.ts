import type { Invariant } from "./Invariant.ts"

/** (5) Every caller gets a token or a typed error within its time. Pauses of its process do not count. */
export const bounded: Invariant = (history, violate) => (fact) => {
  if (fact._tag === "CallEnded") {
    const { call, result } = fact
    const took = history.now - call.at - (call.process.pausedFor - call.pausedBefore)
    if (took > call.limit) {
      violate("bounded time", `call ${call.id} of ${call.process.name} took ${Math.round(took)} ms`)
    }
    if (result._tag === "Failed" && !result.isTyped) {
      violate("typed errors", `call ${call.id} of ${call.process.name}: ${result.error}`)
    }
  }
  if (fact._tag === "Finished") {
    for (const { id, process } of history.openCalls) {
      if (!process.isDead) violate("every call ends", `call ${id} of ${process.name} never ended`)
    }
  }
}
