import { Effect } from "effect"
import { Command } from "effect/cli"
import { ServerSecrets } from "../../ports/ServerSecrets.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { secretName, secretServer } from "./SecretArguments.ts"
import { Json } from "./Settings.ts"

/** `mcp-cli secret remove SERVER SECRET`, whether or not the configuration still names the server. */
export const secretRemove = Command.make(
  "remove",
  { server: secretServer, name: secretName },
  Effect.fn("cli.secret.remove")(function* ({ name, server }) {
    const secret = { server, name }
    const removed = yield* ServerSecrets.use((secrets) => secrets.remove(secret))
    if (yield* Json) {
      return yield* printJson({ ...secret, removed } satisfies JsonOutput<"secret remove">)
    }
    yield* tell(
      removed ? `The secret ${name} of ${server} is removed.` : `No secret ${name} of ${server} is stored.`
    )
  })
).pipe(
  Command.withDescription("Forget a secret of a server"),
  Command.withExamples([{ command: "mcp-cli secret remove github API_KEY", description: "Forget it" }])
)
