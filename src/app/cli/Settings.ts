import { Duration, Effect, Option } from "effect"
import { Flag, GlobalFlag } from "effect/cli"
import { isSafeLine } from "../../domain/PrintableText.ts"
import { maxNameLength } from "../../domain/ServerRules.ts"
import { defaultUserTimeout } from "../../ports/UserInteraction.ts"

/** `--json`: results as JSON on stdout, errors as JSON on stderr. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON, errors too"), Flag.withDefault(false))
})

/** `--config-file PATH`. */
export const ConfigFile = GlobalFlag.Setting("config-file")({
  flag: Flag.String("config-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Use this configuration file"),
    Flag.optional
  )
})

/** The `--config-file` of this run. */
export const configFileOfRun = Effect.map(ConfigFile, Option.getOrUndefined)

/** `--no-browser`: the address is only printed. */
export const Browser = GlobalFlag.Setting("browser")({
  flag: Flag.Boolean("no-browser").pipe(
    Flag.withDescription("To sign in, print the address and open no browser"),
    Flag.withDefault(false),
    Flag.map((isWithout) => !isWithout)
  )
})

/** `--no-interactive`: nothing is asked and no browser opens. */
export const Interactive = GlobalFlag.Setting("interactive")({
  flag: Flag.Boolean("no-interactive").pipe(
    Flag.withDescription("Never ask, and never open a browser"),
    Flag.withDefault(false),
    Flag.map((isWithout) => !isWithout)
  )
})

/** `--callback-timeout SECONDS`. */
export const CallbackTimeout = GlobalFlag.Setting("callback-timeout")({
  flag: Flag.Int("callback-timeout").pipe(
    Flag.withMetavar("SECONDS"),
    Flag.withDescription("How long a sign-in waits for the browser (300)"),
    Flag.filter(
      (seconds) => seconds > 0 && seconds <= 86_400,
      () => "Expected between 1 and 86400 seconds"
    ),
    Flag.withDefault(Duration.toSeconds(defaultUserTimeout))
  )
})

/** `--account NAME`: absent is the default account. */
export const Account = GlobalFlag.Setting("account")({
  flag: Flag.String("account").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("One of several accounts at a server"),
    Flag.filter(
      (account) => account.trim() !== "" && isSafeLine(account) && account.length <= maxNameLength,
      () => `Expected the name of an account: up to ${maxNameLength} characters that can be seen`
    ),
    Flag.optional
  )
})

/** `-v`: a log on stderr with each request; `-vv`: with the headers, too. The value is 0, 1 or 2. */
export const Verbose = GlobalFlag.Setting("verbose")({
  flag: Flag.Boolean("verbose").pipe(
    Flag.withAlias("v"),
    Flag.withDescription("Show each request on stderr; -vv: and its headers, without secrets"),
    Flag.between(0, 9),
    Flag.map((given) => Math.min(given.filter(Boolean).length, 2))
  )
})

/** `--color WHEN`. The terminal adapter reads it, because help and errors of the command line have colours, too. */
const Color = GlobalFlag.Setting("color")({
  flag: Flag.Literals("color", ["auto", "always", "never"]).pipe(
    Flag.withMetavar("WHEN"),
    Flag.withDescription("Use colours"),
    Flag.withDefault("auto" as const)
  )
})

/** The flags of all commands. */
export const settings = [
  Account,
  ConfigFile,
  Json,
  Browser,
  Interactive,
  CallbackTimeout,
  Color,
  Verbose
] as const

/** The services of the flags. */
export type Settings = GlobalFlag.Setting.Identifier<
  "account" | "browser" | "callback-timeout" | "color" | "config-file" | "interactive" | "json" | "verbose"
>
