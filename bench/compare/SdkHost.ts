import { randomUUID } from "node:crypto"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import {
  Client,
  type OAuthClientInformationMixed,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type OAuthTokens,
  SdkHttpError,
  StreamableHTTPClientTransport,
  UnauthorizedError
} from "@modelcontextprotocol/client"
import { followRedirects } from "../../test/servers/BrowserUser.ts"

/** What a host keeps for the SDK. */
interface Kept {
  client?: OAuthClientInformationMixed
  tokens?: OAuthTokens
  verifier?: string
  discovery?: OAuthDiscoveryState
}

/** Where a host keeps it: in memory, or in a file that several processes share. */
export interface Shelf {
  readonly read: () => Kept
  readonly write: (kept: Kept) => void
}

/** A shelf in memory. */
export const memoryShelf = (): Shelf => {
  let kept: Kept = {}
  return { read: () => kept, write: (next) => void (kept = next) }
}

/** A shelf in a JSON file, as many hosts have it; replaced as a whole, so that nobody reads half of it. */
export const fileShelf = (file: string): Shelf => ({
  read: () => (existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Kept) : {}),
  write: (kept) => {
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, JSON.stringify(kept))
    renameSync(draft, file)
  }
})

/** A 401 that the SDK gave up on, in either of the two ways in which it says so. */
const isUnauthorized = (error: unknown): boolean =>
  error instanceof UnauthorizedError || (error instanceof SdkHttpError && error.status === 401)

const redirectUri = "http://localhost:8976/callback"

/**
 * A host of the SDK by its documentation: every method that it asks for, `invalidateCredentials` too; `state`, which
 * is optional there, where asked for. The user approves at once.
 */
export class SdkHost implements OAuthClientProvider {
  readonly #shelf: Shelf
  /** Addresses that the browser was opened at. */
  readonly opened: Array<URL> = []
  readonly state?: () => string

  constructor(shelf: Shelf, options: { readonly makesState?: boolean } = {}) {
    this.#shelf = shelf
    if (options.makesState === true) this.state = randomUUID
  }

  get redirectUrl(): string {
    return redirectUri
  }
  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: "host",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none"
    }
  }
  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#shelf.read().client
  }
  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#shelf.write({ ...this.#shelf.read(), client })
  }
  tokens(): OAuthTokens | undefined {
    return this.#shelf.read().tokens
  }
  saveTokens(tokens: OAuthTokens): void {
    this.#shelf.write({ ...this.#shelf.read(), tokens })
  }
  redirectToAuthorization(url: URL): void {
    this.opened.push(url)
  }
  saveCodeVerifier(verifier: string): void {
    this.#shelf.write({ ...this.#shelf.read(), verifier })
  }
  codeVerifier(): string {
    return this.#shelf.read().verifier ?? ""
  }
  saveDiscoveryState(discovery: OAuthDiscoveryState): void {
    this.#shelf.write({ ...this.#shelf.read(), discovery })
  }
  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#shelf.read().discovery
  }
  invalidateCredentials(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): void {
    const kept = this.#shelf.read()
    if (scope === "all" || scope === "client") delete kept.client
    if (scope === "all" || scope === "tokens") delete kept.tokens
    if (scope === "all" || scope === "verifier") delete kept.verifier
    if (scope === "all" || scope === "discovery") delete kept.discovery
    this.#shelf.write(kept)
  }

  /** A client with a transport of its own; the SDK wants a new one after each sign-in. */
  async #connect(url: URL): Promise<Client> {
    const client = new Client({ name: "host", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(url, { authProvider: this }))
    return client
  }

  /** Has the SDK begin a sign-in: the address that it opens, if it opens one. */
  async begin(url: URL): Promise<URL | undefined> {
    const before = this.opened.length
    await this.#connect(url).catch((error: unknown) => {
      if (!(error instanceof UnauthorizedError)) throw error
    })
    return this.opened[before]
  }

  /** Connects, through the browser where the SDK asks for that. */
  async #signIn(url: URL): Promise<Client> {
    try {
      return await this.#connect(url)
    } catch (error) {
      const address = this.opened.at(-1)
      if (!(error instanceof UnauthorizedError) || address === undefined) throw error
      const answer = await followRedirects(address.href, redirectUri)
      await this.finish(url, new URL(answer.url).searchParams)
      return await this.#connect(url)
    }
  }

  /** Connects; forgets what was discovered where it is still answered 401 after a sign-in, as the SDK's types ask. */
  async connect(url: URL): Promise<Client> {
    try {
      return await this.#signIn(url)
    } catch (error) {
      if (!isUnauthorized(error)) throw error
      this.invalidateCredentials("discovery")
      return await this.#signIn(url)
    }
  }

  /** Gives the SDK what the browser came back with. */
  async finish(url: URL, answer: URLSearchParams): Promise<void> {
    await new StreamableHTTPClientTransport(url, { authProvider: this }).finishAuth(answer)
  }
}
