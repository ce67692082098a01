import { Effect, Redacted } from "effect"
import { HeaderList } from "../../domain/HeaderList.ts"
import { advice, type Remedy } from "../../domain/Remedy.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { McpError, type Send } from "../../ports/McpConnector.ts"

const misconfigured = (server: RemoteServer, detail: string, ...remedies: ReadonlyArray<Remedy>) =>
  new McpError({ server: server.name, detail, remedies })

const configuredHeaders = (server: RemoteServer): Effect.Effect<HeaderList, McpError> =>
  Effect.gen(function* () {
    if (server.url.username !== "" || server.url.password !== "") {
      return yield* misconfigured(
        server,
        `its "url" holds a user name or password.`,
        advice('Put them into an Authorization header under "headers".')
      )
    }
    const headers = new HeaderList()
    for (const [name, value] of Object.entries(server.headers)) {
      yield* Effect.try({
        try: () => headers.set(name, Redacted.value(value)),
        catch: () =>
          misconfigured(
            server,
            `its header "${printable(name)}" has a name or value that HTTP does not allow.`
          )
      })
    }
    return headers
  })

/**
 * Adds the configured headers of a server to each request. The headers of the request win.
 *
 * Fails if the configuration has headers that cannot be sent.
 */
export const withConfiguredHeaders = <E, R>(
  server: RemoteServer,
  send: Send<E, R>
): Effect.Effect<Send<E, R>, McpError> =>
  Effect.map(configuredHeaders(server), (configured) => (request, options) => {
    for (const [name, value] of configured) {
      if (!request.headers.has(name)) request.headers.set(name, value)
    }
    return send(request, options)
  })
