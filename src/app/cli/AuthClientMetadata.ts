import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { clientMetadataDocument, clientMetadataUrlProblem } from "../../domain/ClientMetadata.ts"
import { defaultOAuth } from "../../domain/Server.ts"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import { httpEntry } from "./Arguments.ts"
import { printJson } from "./Output.ts"
import { UsageError } from "./UsageError.ts"
import { showWarnings } from "./Warnings.ts"

/** `mcp-cli auth client-metadata [NAME]`: prints a document and fetches nothing. */
export const clientMetadata = Command.make(
  "client-metadata",
  {
    name: Argument.String("NAME").pipe(
      Argument.withDescription("A server of the configuration, for its client_metadata_url and redirect_uri"),
      Argument.optional
    ),
    url: Flag.String("url").pipe(
      Flag.withMetavar("URL"),
      Flag.withDescription("The https address that the document will be published at"),
      Flag.optional
    )
  },
  Effect.fn("cli.auth.client-metadata")(function* ({ name, url }) {
    const oauth = Option.isNone(name)
      ? defaultOAuth
      : yield* Effect.andThen(
          showWarnings(name.value),
          Effect.map(httpEntry(name.value), (server) => server.oauth)
        )
    const clientId = Option.getOrElse(url, () => oauth.clientMetadataUrl)
    if (clientId === undefined) {
      return yield* new UsageError({
        problem: `The address of the document is missing. Add --url, or name a server with "client_metadata_url" in its oauth block.`
      })
    }
    const problem = clientMetadataUrlProblem(clientId)
    if (problem !== undefined) return yield* new UsageError({ problem: `The address ${problem}.` })
    yield* printJson(clientMetadataDocument(yield* ClientIdentity, clientId, oauth.redirectUri))
  })
).pipe(
  Command.withDescription(
    "Print the document about this client, to publish for servers that accept its address"
  ),
  Command.withExamples([
    {
      command: "mcp-cli auth client-metadata --url https://example.com/mcp-cli.json",
      description: "For any server; set client_metadata_url to the same address"
    }
  ])
)
