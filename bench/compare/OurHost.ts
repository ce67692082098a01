import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Duration, Effect, Layer, ManagedRuntime } from "effect"
import {
  AccessTokens,
  AuthorizedHttp,
  Browser,
  Credentials,
  defaultOAuth,
  type RemoteServer,
  UserInteraction,
  SignIn
} from "../../src/index.ts"
import { authorizedFetch } from "../../src/mcp.ts"
import * as Live from "../../src/node.ts"
import { MemoryLock, MemoryStore } from "../../src/testing.ts"
import { freePort } from "../../test/e2e/World.ts"
import { followRedirects } from "../../test/servers/BrowserUser.ts"

/** What the user's browser opens when it is sent back to the client, where that is not simply the address. */
export type Comeback = (back: URL) => Promise<unknown>

/** Our services on a store in memory, with a user who approves at once. */
export class OurHost {
  /** Addresses that the browser was opened at. */
  readonly opened: Array<URL> = []
  readonly #runtime: ManagedRuntime.ManagedRuntime<AuthorizedHttp.AuthorizedHttp, never>

  constructor(comeback: Comeback = fetch) {
    const visit = async (start: URL, at: number) => {
      // A one-time address on the listener, which redirects to the authorization server.
      const answer = await fetch(start, { redirect: "manual" })
      const address = new URL(answer.headers.get("location") ?? start)
      this.opened[at] = address
      const redirectUri = address.searchParams.get("redirect_uri") ?? ""
      const { url } = await followRedirects(address.href, redirectUri)
      await comeback(new URL(url))
    }
    const browser = Layer.succeed(Browser, {
      open: (address) =>
        Effect.sync(() => {
          const count = this.opened.push(address)
          void visit(address, count - 1)
        })
    })
    const user = Layer.succeed(UserInteraction, {
      present: true,
      timeout: Duration.seconds(20),
      askToSignIn: () => Effect.void,
      askToUseDevice: () => Effect.void,
      pastedRedirect: () => Effect.never,
      tell: () => Effect.void
    })
    this.#runtime = ManagedRuntime.make(
      AuthorizedHttp.layer.pipe(
        Layer.provide(AccessTokens.layer),
        Layer.provide(SignIn.layer),
        Layer.provide(Credentials.layer),
        Layer.provide(Layer.mergeAll(MemoryStore.layer, MemoryLock.layer, browser, user)),
        Layer.provide(Live.WireLive.layer)
      )
    )
  }

  /** The SDK's client over our `fetch`: what differs from the other column is the authorization alone. */
  async connect(url: URL): Promise<Client> {
    const server: RemoteServer = {
      _tag: "Http",
      name: "server",
      url,
      headers: {},
      transport: "auto",
      oauth: { ...defaultOAuth, redirectUri: new URL(`http://localhost:${await freePort()}/callback`) }
    }
    const fetch = await this.#runtime.runPromise(authorizedFetch(server))
    const client = new Client({ name: "host", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(url, { fetch }))
    return client
  }

  close(): Promise<void> {
    return this.#runtime.dispose()
  }
}
