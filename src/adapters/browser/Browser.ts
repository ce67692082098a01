import { Config, Effect, Layer, Option } from "effect"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { Browser, BrowserError } from "../../ports/Browser.ts"

/** Parses `$BROWSER`: command lines separated by colons. The URL replaces `%s`, or is added at the end (as in xdg-open). */
export const browserCommands = (
  value: string,
  url: string
): ReadonlyArray<readonly [string, ReadonlyArray<string>]> =>
  // A colon before a backslash is part of a path such as C:\Program Files.
  value.split(/:(?!\\)/).flatMap((line) => {
    const [command, ...args] = line.split(" ").filter((word) => word !== "")
    if (command === undefined) return []
    return [
      [
        command,
        args.some((word) => word.includes("%s"))
          ? args.map((word) => word.replaceAll("%s", () => url))
          : [...args, url]
      ]
    ]
  })

/**
 * Starts a detached program without a shell, and completes once it runs. A browser may run for long, so a later failure
 * is only logged.
 */
const start = Effect.fnUntraced(function* (command: string, args: ReadonlyArray<string>) {
  const { spawn } = yield* Effect.promise(() => import("node:child_process"))
  const context = yield* Effect.context()
  yield* Effect.callback<void, BrowserError>((resume) => {
    const child = spawn(command, args, { detached: true, stdio: "ignore" })
    child.once("error", (error) =>
      resume(
        new BrowserError({
          detail: `${command} could not be started (${"code" in error ? error.code : error.name})`
        })
      )
    )
    child.once("spawn", () => {
      child.unref()
      resume(Effect.void)
    })
    child.once("exit", (code) => {
      if (code === null || code === 0) return
      const warning = `${command} (from BROWSER) ended with exit code ${code}. If no browser shows the URL above, open it yourself.`
      Effect.runForkWith(context)(Effect.logWarning(warning))
    })
  })
})

const openWithPlatform = (url: string): Effect.Effect<void, BrowserError> =>
  Effect.tryPromise({
    try: async () => {
      const { default: open } = await import("open")
      const child = await open(url)
      child.unref()
    },
    catch: () => new BrowserError({ detail: "this machine has no way to open one" })
  })

/** Opens the browser of `$BROWSER`, otherwise that of the platform. */
export const layer: Layer.Layer<Browser> = Layer.succeed(
  Browser,
  Browser.of({
    open: Effect.fn("Browser.open")(function* (url) {
      if (!isSecureUrl(url)) {
        return yield* new BrowserError({
          detail: `${url.protocol}//${url.hostname} is neither https nor on this machine`
        })
      }
      const named = yield* Config.option(Config.String("BROWSER")).pipe(
        Effect.orElseSucceed(() => Option.none<string>())
      )
      const [first, ...others] = Option.match(named, {
        onNone: () => [],
        onSome: (value) => browserCommands(value, url.href).map(([command, args]) => start(command, args))
      })
      if (first === undefined) return yield* openWithPlatform(url.href)
      return yield* Effect.firstSuccessOf([first, ...others])
    })
  })
)

/** Opens no browser, for `--no-browser`: the user opens the URL that is shown. */
export const layerNone: Layer.Layer<Browser> = Layer.succeed(Browser, Browser.of({ open: () => Effect.void }))
