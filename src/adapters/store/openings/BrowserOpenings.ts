import { Clock, Effect, Layer, Option } from "effect"
import { UnattendedBrowser } from "../../../ports/UnattendedBrowser.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

/** Milliseconds in which browsers are counted: longer than a sign-in waits for its user. */
const window = 600_000

/** Browsers in that time. The second one is for a user whose first page has nothing to return to. */
const maxOpenings = 2

interface Opening {
  readonly time: number
  readonly pid: number
}

const writeOpenings = (openings: ReadonlyArray<Opening>): string =>
  openings.map(({ pid, time }) => `${time} ${pid}\n`).join("")

const readOpenings = (text: string): ReadonlyArray<Opening> =>
  Array.from(text.matchAll(/^(\d+) (\d+)$/gm), ([, time, pid]) => ({ time: Number(time), pid: Number(pid) }))

/** True if a process of this machine runs. One of another user does, too. */
const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/**
 * Records each opening in a file named after the credential. Another one follows within minutes only if the process of the
 * first has died with its callback listener, and once: a client that starts a server again and again opens two.
 *
 * @param options.directory a folder that only this program uses
 */
export const layer = (options: {
  readonly directory: string
  readonly mayOpen: boolean
}): Layer.Layer<UnattendedBrowser> =>
  Layer.sync(UnattendedBrowser, () => {
    const folder = privateFolder(options.directory)
    return UnattendedBrowser.of({
      mayOpen: options.mayOpen,
      claim: Effect.fn("BrowserOpenings.claim")(function* ({ storageName }) {
        const now = yield* Clock.currentTimeMillis
        const text = Option.getOrElse(yield* folder.read(storageName), () => "")
        // A clock that was set back must not forbid the browser for long.
        const recent = readOpenings(text).filter(({ time }) => now >= time && now - time < window)
        if (recent.length >= maxOpenings || recent.some(({ pid }) => isRunning(pid))) return false
        yield* folder.replace(storageName, writeOpenings([...recent, { time: now, pid: process.pid }]))
        return true
      }),
      exhaust: Effect.fn("BrowserOpenings.exhaust")(function* ({ storageName }) {
        const opening = { time: yield* Clock.currentTimeMillis, pid: process.pid }
        yield* folder.replace(storageName, writeOpenings(Array.from({ length: maxOpenings }, () => opening)))
      }),
      release: Effect.fn("BrowserOpenings.release")(function* ({ storageName }) {
        yield* folder.remove(storageName)
      })
    })
  })
