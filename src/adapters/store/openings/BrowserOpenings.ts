import { Clock, Effect, Layer, Option } from "effect"
import { UnattendedBrowser } from "../../../ports/UnattendedBrowser.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

/** Milliseconds without a second browser. A client that starts a server again and again gives up before. */
const pause = 180_000

/**
 * Records each opening in a file named after the credential.
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
        const text = yield* folder.read(storageName)
        const last = Option.match(text, {
          onNone: () => Number.NaN,
          onSome: (one) => Number.parseInt(one, 10)
        })
        // A clock that was set back must not forbid the browser for long.
        if (now >= last && now - last < pause) return false
        yield* folder.replace(storageName, `${now}\n`)
        return true
      }),
      release: Effect.fn("BrowserOpenings.release")(function* ({ storageName }) {
        yield* folder.remove(storageName)
      })
    })
  })
