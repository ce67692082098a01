import type { Account } from "./BrowserUser.ts"

/** An MCP server that others wrote, with the authorization server that issues its tokens. */
export interface RealServer {
  /** The address that a user configures. */
  readonly url: string
  /** Lets every access token expire that was issued so far. */
  readonly expire: () => Promise<void>
  /** Forgets clients, tokens and sign-ins, as a restart with an empty memory does. */
  readonly forget: () => Promise<void>
  /** How many requests came to `/token`, `/revoke` or `/register` so far. */
  readonly count: (path: string, grant?: string) => Promise<number>
  /** Who signs in, where the server shows its pages. */
  readonly account?: Account
  readonly close: () => Promise<void>
}

/** For a connection of its own: a server may close an idle one at the moment of the next request. */
export const oneRequest = { connection: "close" }

/** Whether a server takes an access token. */
export const accepts = async ({ url }: RealServer, token: string): Promise<boolean> => {
  const { status } = await fetch(url, {
    method: "POST",
    headers: {
      ...oneRequest,
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream"
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "test", version: "1" }
      }
    })
  })
  return status !== 401
}
