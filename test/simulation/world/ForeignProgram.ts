import { Redacted } from "effect"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { epoch } from "../engine/Epoch.ts"
import type { Machine } from "../engine/Machine.ts"
import type { TokenRequest } from "../judge/Facts.ts"
import type { Account } from "./Account.ts"
import { refreshTokenOf, type Store } from "./Store.ts"
import type { World } from "./World.ts"

/** Milliseconds from one step of the program to the next. */
const stepTime = { from: 5, to: 400 }

/**
 * Refreshes once as a program that shares the store and ignores the lock: reads the record, sends the refresh token, and
 * replaces the record with the answer.
 */
export const runForeignProgram = (world: World, machine: Machine, store: Store, account: Account): void => {
  const { families, nextId, simulator, tell } = world
  const { authorizationServer, key, name } = account
  const id = nextId()
  const process = simulator.process(`foreign${id}`, machine)
  const stream = simulator.seed.fork(process.name)
  const afterStep = (run: () => void) => void simulator.after(stream.integer(stepTime.from, stepTime.to), run)

  const write = (token: string, clientId: string) => {
    const answer = authorizationServer.refresh(token, clientId)
    if (answer._tag !== "Tokens") return
    simulator.trace(process.name, `has ${answer.refreshToken} for ${token}`)
    request.processed = "rotated"
    request.issued = answer.refreshToken
    tell({ _tag: "Processed", request })
    request.outcome = "answered"
    tell({ _tag: "Ended", request })
    afterStep(() => {
      const current = store.peek(key)
      if (current?.tokens === undefined || refreshTokenOf(current) !== token) {
        tell({ _tag: "Overwritten", account: name, by: "foreign program" })
      }
      if (current === undefined) return
      simulator.trace(process.name, `writes ${answer.refreshToken}`)
      const obtainedAt = epoch + simulator.now + machine.skew
      const tokens = new TokenSet({
        accessToken: Redacted.make(answer.accessToken),
        tokenType: "bearer",
        obtainedAt,
        expiresAt: obtainedAt + answer.lifetime,
        refreshToken: Redacted.make(answer.refreshToken)
      })
      store.put(key, current.next({ tokens }))
    })
  }

  const found = store.peek(key)
  const token = refreshTokenOf(found)
  if (found === undefined || token === undefined) return
  const request: TokenRequest = {
    id,
    kind: "refresh",
    process,
    isForeign: true,
    account: name,
    recipient: authorizationServer.issuer,
    token,
    at: simulator.now,
    pausedBefore: 0,
    family: families.ofRefreshToken(token)?.name
  }
  simulator.trace(process.name, `sends ${token} without the lock`)
  tell({ _tag: "Sent", request })
  afterStep(() => write(token, found.registration.clientId))
}
