import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll } from "vitest"

/** A resource that the tests of a file share: started before the first of them, and closed after the last. */
export const shared = <A>(resource: Effect.Effect<A, never, Scope.Scope>): (() => A) => {
  const scope = Scope.makeUnsafe()
  let value: A | undefined
  beforeAll(async () => {
    value = await Effect.runPromise(Scope.provide(resource, scope))
  }, 60_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return () => {
    if (value === undefined) throw new Error("the server has not been started")
    return value
  }
}
