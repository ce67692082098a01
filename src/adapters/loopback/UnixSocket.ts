import { lstat, stat, unlink } from "node:fs/promises"
import type { Server } from "node:http"
import { createConnection } from "node:net"
import { dirname } from "node:path"
import { Effect, type Scope } from "effect"
import { advice } from "../../domain/Remedy.ts"
import { LocalListenError } from "../../ports/LocalListener.ts"
import { codeOf, explainErrno } from "../platform/Errno.ts"
import { probeTimeout } from "./LocalLimits.ts"
import { listening } from "./LoopbackBind.ts"

/** Bits of a mode by which other users can change a folder, and the one that lets them change only their own files in it. */
const writableByOthers = 0o022
const sticky = 0o1000

const refusal = (path: string, detail: string, fix?: string) =>
  new LocalListenError({ place: path, detail, ...(fix === undefined ? {} : { fixes: [advice(fix)] }) })

/** Runs a file operation; undefined if there is no such file. */
const ifThere = <A>(path: string, run: () => Promise<A>): Effect.Effect<A | undefined, LocalListenError> =>
  Effect.tryPromise({ try: run, catch: codeOf }).pipe(
    Effect.catch((code) =>
      code === "ENOENT" ? Effect.undefined : Effect.fail(refusal(path, explainErrno(code)))
    )
  )

/** Refuses a folder in which another user could put a socket of their own in the place of this one. */
const checkFolder = Effect.fnUntraced(function* (path: string) {
  const folder = dirname(path)
  const stats = yield* ifThere(path, () => stat(folder))
  if (stats === undefined) return yield* refusal(path, `${folder} does not exist`, "Make the folder first.")
  const isOthers = stats.uid !== process.getuid?.() && stats.uid !== 0
  if (isOthers || ((stats.mode & writableByOthers) !== 0 && (stats.mode & sticky) === 0)) {
    return yield* refusal(
      path,
      `other users can change its folder ${folder}`,
      "Choose a folder of yours, such as $XDG_RUNTIME_DIR."
    )
  }
})

/** True if a program accepts connections at a socket. */
const isServed = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = createConnection({ path, timeout: probeTimeout })
    const end = (served: boolean) => {
      socket.destroy()
      resume(Effect.succeed(served))
    }
    socket.on("connect", () => end(true))
    socket.on("timeout", () => end(true))
    // A full queue (EAGAIN) is one of a program, too.
    socket.on("error", (error) => end(codeOf(error) !== "ECONNREFUSED" && codeOf(error) !== "ENOENT"))
    return Effect.sync(() => socket.destroy())
  })

/** Removes the socket of a process that died. Nothing else is ever removed. */
const removeStale = Effect.fnUntraced(function* (path: string) {
  const stats = yield* ifThere(path, () => lstat(path))
  if (stats === undefined) return
  if (!stats.isSocket())
    return yield* refusal(path, "a file is there, and it is no socket", "Choose another path.")
  if (stats.uid !== process.getuid?.()) {
    return yield* refusal(path, "the socket there belongs to another user", "Choose another path.")
  }
  if (yield* isServed(path)) {
    return yield* refusal(path, "another program listens there", "End that program, or choose another path.")
  }
  yield* ifThere(path, () => unlink(path))
})

/**
 * Starts a server at a Unix socket that only this user can open. It is removed when the scope closes.
 *
 * Linux and macOS check the mode of a socket at each connect. It has that mode from the start: a change afterwards would leave
 * a moment in which others can connect.
 */
export const listenAtSocket = Effect.fnUntraced(function* (
  make: Effect.Effect<Server>,
  path: string
): Effect.fn.Return<Server, LocalListenError, Scope.Scope> {
  if (process.platform === "win32") {
    return yield* refusal(path, "Windows has no permissions on sockets", "Use a port.")
  }
  yield* checkFolder(path)
  yield* removeStale(path)
  return yield* listening(make, (server, ready) => {
    const before = process.umask(0o177)
    try {
      server.listen({ path, exclusive: true }, ready)
    } finally {
      process.umask(before)
    }
  }).pipe(
    Effect.mapError((code) =>
      code === "EINVAL"
        ? refusal(path, "its path is too long for a socket", "Choose a shorter path.")
        : refusal(path, code === "EADDRINUSE" ? "another program listens there" : explainErrno(code))
    )
  )
})
