import { type Effect, Duration, type Scope } from "effect"
import * as Remedy from "../../domain/Remedy.ts"
import { McpError } from "../../ports/McpConnector.ts"
import type { ClientError } from "./ClientErrors.ts"
import type { McpClient } from "./McpClient.ts"

/** A client that has agreed on a revision with its server. */
export interface Connected<E> {
  readonly client: McpClient<E>
  /** False once it is closed or the server has ended its session. It is then opened again before the next use. */
  readonly isAlive: () => boolean
  /** Notes that the server has ended its session. */
  readonly end: () => void
}

/** Opens a connection that closes with the scope. */
export type OpenConnection<E> = Effect.Effect<Connected<E>, ClientError | McpError | E, Scope.Scope>

/** The name and the version of this client. */
export interface Identity {
  readonly name: string
  readonly version: string
}

/** The error for a server that has been silent for too long. */
export const tooSilent = (
  server: string,
  limit: Duration.Duration,
  ...remedies: ReadonlyArray<Remedy.Remedy>
): McpError =>
  new McpError({ server, detail: `it did not answer within ${Duration.format(limit)}.`, remedies })
