import { Config, Effect, Layer, Option } from "effect"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import { Browser, BrowserError } from "../../ports/Browser.ts"
import { isBrowserElsewhere } from "../platform/BrowserPlace.ts"
import { browserEnvironment } from "./BrowserEnvironment.ts"
import { type Opener, platformOpeners } from "./PlatformBrowser.ts"

/** Parses `$BROWSER`: command lines separated by colons. The URL replaces `%s`, or is added at the end (as in xdg-open). */
export const browserCommands = (value: string, url: string): ReadonlyArray<Opener> =>
  // A colon before a backslash is part of a path such as C:\Program Files.
  value.split(/:(?!\\)/).flatMap((line) => {
    const [command, ...args] = line.split(" ").filter((word) => word !== "")
    if (command === undefined) return []
    return [
      {
        command,
        args: args.some((word) => word.includes("%s"))
          ? args.map((word) => word.replaceAll("%s", () => url))
          : [...args, url]
      }
    ]
  })

/** Starts a detached program without a shell, and completes once it runs. A browser may run for long. */
const start = Effect.fnUntraced(function* (
  { args, command, input }: Opener,
  env: NodeJS.ProcessEnv,
  onFailure: (error: BrowserError) => Effect.Effect<void>
) {
  const { spawn } = yield* Effect.promise(() => import("node:child_process"))
  const context = yield* Effect.context()
  yield* Effect.callback<void, BrowserError>((resume) => {
    const stdin = input === undefined ? "ignore" : "pipe"
    const child = spawn(command, args, { detached: true, env, stdio: [stdin, "ignore", "ignore"] })
    // A program that ends without reading its input closes the pipe.
    child.stdin?.on("error", () => undefined)
    child.stdin?.end(input)
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
      const failed = onFailure(new BrowserError({ detail: `${command} ended with exit code ${code}` }))
      Effect.runForkWith(context)(failed)
    })
  })
})

const named = Config.option(Config.String("BROWSER")).pipe(Effect.orElseSucceed(() => Option.none<string>()))

/**
 * Opens the browser of `$BROWSER`, otherwise that of the platform, without the secrets of the environment.
 *
 * @param configured the variables that the configuration uses
 */
export const layerWithout = (configured: Effect.Effect<ReadonlyArray<string>>): Layer.Layer<Browser> =>
  Layer.succeed(
    Browser,
    Browser.of({
      open: Effect.fn("Browser.open")(function* (
        url,
        ofNamed = url,
        onFailure = ({ message }) => Effect.logWarning(message)
      ) {
        const insecure = [url, ofNamed].find((one) => !isSecureUrl(one))
        if (insecure !== undefined) {
          return yield* new BrowserError({
            detail: `${insecure.protocol}//${insecure.hostname} is neither https nor on this machine`
          })
        }
        const ofUser = browserCommands(
          Option.getOrElse(yield* named, () => ""),
          ofNamed.href
        )
        const [program, openers] =
          ofUser.length > 0
            ? (["named", ofUser] as const)
            : (["platform", platformOpeners(process.platform, process.env, url.href)] as const)
        const env = browserEnvironment(process.env, program, yield* configured)
        // Few programs of a machine without a display can open a page, and the user has been told to open it elsewhere.
        const isHopeless = program === "platform" && isBrowserElsewhere(process.platform, process.env)
        // Those of macOS and Windows would show it to who sits at that machine.
        if (isHopeless && /^(darwin|win32)$/.test(process.platform)) return
        const logged = ({ message }: BrowserError) => Effect.logDebug(message)
        const failed = isHopeless ? logged : onFailure
        const started = Effect.firstSuccessOf(openers.map((opener) => start(opener, env, failed)))
        yield* isHopeless ? started.pipe(Effect.catch(logged)) : started
      })
    })
  )

/** The same without a configuration. */
export const layer: Layer.Layer<Browser> = layerWithout(Effect.succeed([]))

/** Opens no browser, for `--no-browser`: the user opens the URL that is shown. */
export const layerNone: Layer.Layer<Browser> = Layer.succeed(Browser, Browser.of({ open: () => Effect.void }))
