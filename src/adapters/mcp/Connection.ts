import type { Client, Transport } from "@modelcontextprotocol/client"
import { Effect, type Scope } from "effect"
import { ClientIdentity } from "../../ports/ClientIdentity.ts"
import type { McpError } from "../../ports/McpConnector.ts"
import type { Explain, Sdk } from "./ErrorOfClient.ts"

/** A client of the SDK that is connected. */
export interface Connection {
  readonly client: Client
  /** False once it is closed or the server has ended its session: it is opened anew before it is used again. */
  readonly alive: () => boolean
  /** Whether an error says that the server knows the session no longer, and did nothing; it is not alive then. */
  readonly forgotten: (error: unknown) => boolean
  readonly explain: Explain
}

/** Opens a connection that closes with the scope. */
export type OpenConnection<E> = Effect.Effect<Connection, McpError | E, Scope.Scope>

/** Milliseconds that the SDK never reaches: the time is kept by `Flights`, which knows of sign-ins. */
export const forever = 2_147_483_647

/**
 * Makes a client of the SDK with the name of {@link ClientIdentity}. It negotiates revision 2026-07-28 or an older one and offers the server nothing: no sampling,
 * no elicitation, no roots.
 *
 * @param options.probeTimeout milliseconds until a server that does not answer the probe counts as an older one.
 */
export const makeClient = (
  sdk: Sdk,
  options: { readonly version: string; readonly probeTimeout?: number }
): Effect.Effect<Client> =>
  Effect.map(
    ClientIdentity,
    ({ name }) =>
      new sdk.Client(
        { name, version: options.version },
        {
          versionNegotiation: { mode: "auto", probe: { timeoutMs: options.probeTimeout ?? forever } },
          listMaxPages: 1000
        }
      )
  )

/** Calls back when a client or a transport has closed. */
export const whenClosed = (closing: Client | Transport, callback: () => void): void => {
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has this property and no events
  closing.onclose = callback
}
