import type { Invariant } from "./Invariant.ts"

/** (2) No refresh token is sent without space for its answer: a full disk is found before. */
export const reservedSpace: Invariant = (history, violate) => (fact) => {
  if (fact._tag !== "WriteFailed" || !history.lacksReservedSpace(fact)) return
  violate("reserved space", `${fact.process.name} has ${fact.token}, and the disk is full`)
}
