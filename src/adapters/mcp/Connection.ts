import type { Client, Transport } from "@modelcontextprotocol/client"
import { Effect, type Scope } from "effect"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import type { Explain, Sdk } from "./ErrorOfClient.ts"
import type { ListFaults } from "./ListRepair.ts"
import { forever, maxPages } from "./McpLimits.ts"

/** A connected client of the SDK. */
export interface Connection {
  readonly client: Client
  /** False once it is closed or the server has ended its session. It is then opened again before the next use. */
  readonly alive: () => boolean
  /** True if an error says that the server no longer knows the session and did nothing. Ends the connection then. */
  readonly forgotten: (error: unknown) => boolean
  readonly explain: Explain
  readonly listFaults: ListFaults
}

/** Opens a connection that closes with the scope. */
export type OpenConnection<E> = Effect.Effect<Connection, McpError | E, Scope.Scope>

/**
 * Makes a client of the SDK with the name of {@link ClientIdentity}. It negotiates revision 2026-07-28 or an older one and
 * offers the server no sampling, no elicitation, and no roots.
 *
 * @param options.probeTimeout milliseconds until a server that does not answer the probe counts as an older one
 * @param options.offer the version that `initialize` offers; absent: the newest
 */
export const makeClient = (
  sdk: Sdk,
  options: {
    readonly version: string
    readonly probeTimeout?: number
    readonly offer?: string | undefined
  }
): Effect.Effect<Client> =>
  Effect.map(
    ClientIdentity,
    ({ name }) =>
      new sdk.Client(
        { name, version: options.version },
        {
          versionNegotiation: { mode: "auto", probe: { timeoutMs: options.probeTimeout ?? forever } },
          listMaxPages: maxPages,
          ...(options.offer === undefined
            ? {}
            : { supportedProtocolVersions: [options.offer, ...sdk.SUPPORTED_PROTOCOL_VERSIONS] })
        }
      )
  )

/** Calls `callback` when a client or a transport has closed. */
export const whenClosed = (closing: Client | Transport, callback: () => void): void => {
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has this property and no events
  closing.onclose = callback
}
