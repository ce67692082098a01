import { Effect, Redacted } from "effect"
import { Command } from "effect/cli"
import {
  type ConfiguredServer,
  destinationsOf,
  destinationText,
  secretUsesOf,
  secretValueProblem
} from "../../domain/ConfiguredServer.ts"
import { advice } from "../../domain/Remedy.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import { givenSecret } from "./GivenSecret.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { secretName, secretServer } from "./SecretArguments.ts"
import { Json } from "./Settings.ts"
import { UsageError, waysToGiveSecret } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** The only place that a secret of this server goes to. */
const destinationOf = Effect.fnUntraced(function* (server: ConfiguredServer, name: string) {
  const [destination = "", ...others] = destinationsOf(server, name)
  if (others.length === 0) return destination
  return yield* new UsageError({
    problem: `The entry of ${server.name} uses the secret ${name} for ${[destination, ...others].map(destinationText).join(", and for ")}.`,
    remedies: [advice("Give each of them a secret of its own name.")]
  })
})

/** `mcp-cli secret set SERVER SECRET` */
export const secretSet = Command.make(
  "set",
  { server: secretServer, name: secretName },
  Effect.fn("cli.secret.set")(function* ({ name, server: given }) {
    yield* showWarnings(given)
    const server = yield* Configuration.use((configuration) => configuration.server(given))
    const destination = yield* destinationOf(server, name)
    const text = Redacted.value(yield* givenSecret(`Secret ${name} of ${server.name}`, "secret"))
    // What is piped ends with the line of its program.
    const value = text.replace(/\r?\n$/, "")
    const problem = secretValueProblem(server, value)
    if (problem !== undefined) {
      return yield* new UsageError({
        problem: `The secret cannot be stored: it ${problem}.`,
        remedies: value === "" ? [waysToGiveSecret] : []
      })
    }
    const store = yield* CredentialStore
    yield* store.unlock
    const secret = { server: server.name, name }
    yield* ServerSecrets.use((secrets) => secrets.put(secret, { destination, value: Redacted.make(value) }))
    if (yield* Json) return yield* printJson(secret satisfies JsonOutput<"secret set">)
    const place = server._tag === "Http" ? destination : `the program of ${server.name}`
    yield* tell(
      `The secret ${name} of ${server.name} is stored in ${store.description.backend.label}. It is used only with ${place}.`
    )
    if (secretUsesOf(server).some((use) => use.name === name)) return
    const block = server._tag === "Http" ? "headers" : "env"
    yield* tell(`Its entry does not use it yet: write "\${secret:${name}}" in ${block}.`)
  })
).pipe(
  Command.withDescription("Store a secret of a server: typed when it asks, or piped in"),
  Command.withExamples([
    { command: "mcp-cli secret set github API_KEY", description: "Asks for it, without showing it" },
    { command: "pass show github | mcp-cli secret set github API_KEY", description: "From another program" }
  ])
)
