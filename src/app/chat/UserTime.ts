import { Clock, Effect } from "effect"

/** Counts the time in which servers wait for the user, for an answer or a sign-in. It is no time of their tools. */
export interface UserTime {
  /** Counts the time in which the user of a server is waited for. */
  readonly asking: <A, E, R>(server: string, waiting: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Milliseconds so far. Those at the same time count once. */
  readonly spent: (server: string) => Effect.Effect<number>
}

/** @see UserTime */
export const makeUserTime = (): UserTime => {
  const servers = new Map<string, { open: number; since: number; spent: number }>()
  const at = (server: string) => {
    const known = servers.get(server) ?? { open: 0, since: 0, spent: 0 }
    servers.set(server, known)
    return known
  }
  return {
    asking: (server, waiting) =>
      Effect.acquireUseRelease(
        Effect.map(Clock.currentTimeMillis, (now) => {
          const time = at(server)
          if (time.open++ === 0) time.since = now
        }),
        () => waiting,
        () =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const time = at(server)
            if (--time.open === 0) time.spent += now - time.since
          })
      ),
    spent: (server) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const { open, since, spent } = at(server)
        return open === 0 ? spent : spent + now - since
      })
  }
}
