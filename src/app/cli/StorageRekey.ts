import { Effect, Option, Redacted } from "effect"
import { Command } from "effect/cli"
import { command } from "../../domain/Remedy.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { StorageRekey } from "../../ports/StorageRekey.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell, tellWarning } from "./Output.ts"
import { passwordVariable } from "./PasswordVariable.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"

/** Where the old password is written, in the order in which the store looks; none if it was typed. */
const oldPasswordIn = Effect.gen(function* () {
  const { file, tokenStorage } = yield* Configuration
  if ((yield* tokenStorage).password !== undefined)
    return Option.some(`tokenStorage.password in ${yield* file}`)
  return Option.map(yield* passwordVariable, ({ name, value }) =>
    name === "MCP_CLI_ENCRYPTION_KEY_FILE" ? Redacted.value(value) : name
  )
})

/** `mcp-cli storage rekey` */
export const rekey = Command.make(
  "rekey",
  {},
  Effect.fn("cli.storage.rekey")(function* () {
    const { damaged, resealed } = yield* StorageRekey.use((storage) => storage.rekey)
    const configFile = yield* configFileOfRun
    const forget = command("auth reset", { purpose: "forget it" })
    if (yield* Json) yield* printJson({ resealed, damaged } satisfies JsonOutput<"storage rekey">)
    else {
      yield* tell(
        `The token store has a new password, which protects ${resealed} sign-in${resealed === 1 ? "" : "s"}. The old password opens nothing any more.`
      )
      yield* Effect.forEach(damaged, (path) =>
        tellWarning(
          `${path} is damaged, and neither password opens it. It was left as it is.`,
          remedyText(forget, configFile)
        )
      )
    }
    const place = yield* oldPasswordIn
    if (Option.isSome(place)) yield* tell(`Now change the password in ${place.value}.`)
  })
).pipe(
  Command.withDescription(
    "Give the encrypted files a new password and new keys; the old password opens nothing after that"
  ),
  Command.withExamples([
    { command: "mcp-cli storage rekey", description: "Asks for the old password, and twice for the new one" },
    {
      command: "MCP_CLI_NEW_ENCRYPTION_KEY_FILE=/run/secrets/new mcp-cli storage rekey --json",
      description: "Without a prompt, with the new password in a file"
    }
  ])
)
