import { Clock, Duration, Effect, Option } from "effect"
import type { Credential } from "../../domain/Credential.ts"
import type { CredentialKey } from "../../domain/CredentialKey.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import type { TokenPolicySettings } from "../../ports/TokenPolicy.ts"
import { BoundedMap } from "./BoundedMap.ts"

/** What is in memory for a key. A new object for each read, write or eviction. A failed read only extends the trust. */
interface Held {
  /** Absent: evicted or forgotten. */
  readonly credential: Credential | undefined
  /** Milliseconds since the epoch. An earlier time is that of a clock that was set back, and ends the trust too. */
  trustedFrom: number
  /** Milliseconds since the epoch. */
  trustedUntil: number
  /** Milliseconds of the monotonic clock: a clock that was set back makes no memory young again. It stands still in sleep. */
  elapsesAt: number
}

/**
 * Creates the bounded memory of credentials. Its keys are the names of the records: two servers of one name take turns, and
 * neither gets what is for the other.
 */
export const heldCredentials = (policy: TokenPolicySettings, clock: Clock.Clock) => {
  const [holdFor, cooldown] = [Duration.toMillis(policy.holdFor), Duration.toMillis(policy.cooldown)]
  const memory = new BoundedMap<Held>(policy.maxAccounts)

  const elapsed = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const isTrusted = ({ elapsesAt, trustedFrom, trustedUntil }: Held, now: number) =>
    now >= trustedFrom && now < trustedUntil && elapsed() < elapsesAt

  return {
    get: ({ storageName }: CredentialKey) => memory.get(storageName),

    delete: ({ storageName }: CredentialKey) => memory.delete(storageName),

    hold: ({ storageName }: CredentialKey, credential: Credential) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        memory.set(storageName, {
          credential,
          trustedFrom: now,
          trustedUntil: now + holdFor,
          elapsesAt: elapsed() + holdFor
        })
      ),

    evict: (key: CredentialKey) =>
      Effect.sync(() =>
        memory.set(key.first.storageName, {
          credential: undefined,
          trustedFrom: 0,
          trustedUntil: 0,
          elapsesAt: 0
        })
      ),

    /** While the store fails, not every caller waits for it. */
    holdDuringOutage: ({ storageName }: CredentialKey) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const held = memory.get(storageName)
        if (held?.credential === undefined) return
        const { elapsesAt, trustedUntil } = isTrusted(held, now) ? held : { elapsesAt: 0, trustedUntil: 0 }
        held.trustedFrom = now
        held.trustedUntil = Math.max(trustedUntil, now + cooldown)
        held.elapsesAt = Math.max(elapsesAt, elapsed() + cooldown)
      }),

    /** What memory holds, while it is trusted. */
    inMemory: (server: RemoteServer, { storageName }: CredentialKey, now: number) => {
      const held = memory.get(storageName)
      return held?.credential !== undefined && isTrusted(held, now) && held.credential.isFor(server)
        ? Option.some(held.credential)
        : Option.none()
    },

    /** True if memory holds tokens for the server that its configuration no longer names. */
    isForOther: (server: RemoteServer, { storageName }: CredentialKey) => {
      const last = memory.get(storageName)?.credential
      return last?.tokens !== undefined && last.resource === resourceOf(server) && !last.isFor(server)
    },

    /** What memory holds for the server of a credential. */
    heldFor: ({ storageName }: CredentialKey, { resource }: Credential) => {
      const held = memory.get(storageName)?.credential
      return held?.resource === resource ? held : undefined
    }
  }
}
