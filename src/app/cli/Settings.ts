import { Duration, Effect, Option } from "effect"
import { Flag, GlobalFlag } from "effect/cli"
import { defaultUserTimeout } from "../../ports/UserInteraction.ts"

/** `--json`: results as JSON on stdout, errors as JSON on stderr. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON, for programs"), Flag.withDefault(false))
})

/** `--config-file PATH`. */
export const ConfigFile = GlobalFlag.Setting("config-file")({
  flag: Flag.String("config-file").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription(
      "Use this configuration instead of ./server_config.json or ~/.mcp_cli/server_config.json"
    ),
    Flag.optional
  )
})

/** The `--config-file` of this run. */
export const configFileOfRun = Effect.map(ConfigFile, Option.getOrUndefined)

/** `--no-browser`: the address is only printed. */
export const Browser = GlobalFlag.Setting("browser")({
  flag: Flag.Boolean("browser").pipe(
    Flag.withDescription("Open the browser to sign in (--no-browser only prints the address)"),
    Flag.withDefault(true)
  )
})

/** `--no-interactive`: nothing is asked and no browser opens. */
export const Interactive = GlobalFlag.Setting("interactive")({
  flag: Flag.Boolean("interactive").pipe(
    Flag.withDescription("Ask the user at the terminal (--no-interactive never does, and never signs in)"),
    Flag.withDefault(true)
  )
})

/** `--callback-timeout SECONDS`. */
export const CallbackTimeout = GlobalFlag.Setting("callback-timeout")({
  flag: Flag.Int("callback-timeout").pipe(
    Flag.withMetavar("SECONDS"),
    Flag.withDescription("How long a sign-in waits for the browser"),
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
    Flag.withDescription("Which of several accounts of a server"),
    Flag.filter(
      (account) => account.trim() !== "",
      () => "Expected the name of an account"
    ),
    Flag.optional
  )
})

/** `-v`: a log on stderr. */
export const Verbose = GlobalFlag.Setting("verbose")({
  flag: Flag.Boolean("verbose").pipe(
    Flag.withAlias("v"),
    Flag.withDescription("Write a log to stderr"),
    Flag.withDefault(false)
  )
})

/** The flags of all commands. */
export const settings = [Json, ConfigFile, Account, Browser, Interactive, CallbackTimeout, Verbose] as const

/** The services of the flags. */
export type Settings =
  | GlobalFlag.Setting.Identifier<"json">
  | GlobalFlag.Setting.Identifier<"config-file">
  | GlobalFlag.Setting.Identifier<"account">
  | GlobalFlag.Setting.Identifier<"browser">
  | GlobalFlag.Setting.Identifier<"interactive">
  | GlobalFlag.Setting.Identifier<"callback-timeout">
  | GlobalFlag.Setting.Identifier<"verbose">
