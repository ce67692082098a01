import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, Exit, Scope } from "effect"
import { codeOf } from "../platform/Errno.ts"

/** Loaded by what listens: the HTTP stack of Node takes longer to load than most commands take to run. */
export const loadHttp = Effect.promise(() => import("node:http"))

/** Servers of one port. */
export interface BoundPort {
  readonly servers: ReadonlyArray<Server>
  readonly port: number
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/**
 * Starts a server, whose connections close with the scope. Fails with the code of the error.
 *
 * @param start calls `listen`
 */
export const listening = (
  make: Effect.Effect<Server>,
  start: (server: Server, ready: () => void) => void
): Effect.Effect<Server, string, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(make, (server) =>
      Effect.callback<Server, string>((resume) => {
        // Stays after the start: a later error, such as too many open files, must not end the process.
        server.on("error", (error) => resume(Effect.fail(codeOf(error) ?? "unknown error")))
        start(server, () => resume(Effect.succeed(server)))
      })
    ),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** Binds one address. */
const listenAt = (make: Effect.Effect<Server>, host: string, port: number) =>
  listening(make, (server, ready) =>
    server.listen({ host, port, exclusive: true, ipv6Only: host === "::1" }, ready)
  )

/**
 * Binds every address on one port, or none. The second may be missing: a machine without IPv6 has no `::1`. Fails with the
 * code of the error.
 *
 * @param port 0: a free one of the first address, which may be in use at the second
 */
const bindOnce = Effect.fnUntraced(function* (
  make: Effect.Effect<Server>,
  [first = "127.0.0.1", second]: ReadonlyArray<string>,
  port: number
) {
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer)
  const all = Effect.gen(function* () {
    const listener = yield* listenAt(make, first, port)
    const other =
      second === undefined
        ? undefined
        : yield* listenAt(make, second, portOf(listener)).pipe(
            Effect.catchIf(
              (code) => code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT",
              () => Effect.undefined
            )
          )
    const servers: ReadonlyArray<Server> = other === undefined ? [listener] : [listener, other]
    return { servers, port: portOf(listener) } satisfies BoundPort
  })
  return yield* Scope.provide(all, scope).pipe(Effect.onError(() => Scope.close(scope, Exit.void)))
})

/** As {@link bindOnce}, and tries other free ports for port 0. */
export const bindLoopback = (
  make: Effect.Effect<Server>,
  hosts: ReadonlyArray<string>,
  port: number
): Effect.Effect<BoundPort, string, Scope.Scope> =>
  bindOnce(make, hosts, port).pipe(
    Effect.retry({ times: 5, while: (code) => port === 0 && code === "EADDRINUSE" })
  )
