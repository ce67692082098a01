import { Effect, RcMap, Scope, Semaphore } from "effect"

/** A mutex per name, which is freed when the last fiber that uses it is done. */
export type Mutexes = RcMap.RcMap<string, Semaphore.Semaphore>

/** Creates the mutexes of one layer. */
export const makeMutexes: Effect.Effect<Mutexes, never, Scope.Scope> = RcMap.make({
  lookup: () => Semaphore.make(1)
})

/** Runs an effect while no other fiber of this process runs one under the same name. */
export const withMutex =
  (mutexes: Mutexes, name: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    // The mutex has a scope of its own, so that finalizers of the effect stay in the scope of the caller.
    Effect.scopedWith((scope) =>
      Effect.flatMap(Effect.provideService(RcMap.get(mutexes, name), Scope.Scope, scope), (mutex) =>
        mutex.withPermit(effect)
      )
    )
