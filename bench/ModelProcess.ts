import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { modelServer } from "../test/servers/ModelServer.ts"

// A server of models in a process of its own: in the process that is measured its work would count as well.

/** What a request to the model was. */
interface LastRequest {
  readonly path: string
  readonly body: unknown
}

/** A server of models in another process. */
export interface ModelProcess {
  readonly origin: string
  readonly last: Effect.Effect<LastRequest>
}

/** The next message of a process. */
const messageOf = async (child: ChildProcess): Promise<unknown> => {
  const [message]: ReadonlyArray<unknown> = await once(child, "message")
  return message
}

/** Starts the server; it ends with the scope. */
export const startModel: Effect.Effect<ModelProcess, never, Scope.Scope> = Effect.gen(function* () {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(import.meta.url))),
    (started) => Effect.sync(() => started.kill())
  )
  const origin = String(yield* Effect.promise(() => messageOf(child)))
  const last = Effect.promise(async () => {
    child.send("last")
    return (await messageOf(child)) as LastRequest
  })
  return { origin, last }
})

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const serve = Effect.gen(function* () {
    const { origin, requests } = yield* modelServer()
    process.on("message", () => {
      const last = requests.at(-1)
      process.send?.({ path: last?.path, body: last?.body })
    })
    process.send?.(origin)
    return yield* Effect.never
  })
  await Effect.runPromise(Effect.scoped(serve))
}
