import { BareBody } from "./BareBody.ts"
import { byteRequest, type ByteRequestInit, type MakeByteRequest, markBytes } from "./ByteRequest.ts"
import { HeaderList } from "./HeaderList.ts"

/** See {@link bareRequest}. */
class BareRequest extends BareBody<Request> implements Request {
  readonly headers: HeaderList
  readonly method: string
  readonly redirect = "manual"
  readonly url: string
  readonly #content: Uint8Array | undefined

  constructor(url: string | URL, { content, headers, method }: ByteRequestInit) {
    super()
    this.url = new URL(url).href
    this.method = method
    this.headers = new HeaderList(headers)
    this.#content = content
  }

  protected get own(): null | undefined {
    return this.#content === undefined ? null : undefined
  }

  protected make(): Request {
    return byteRequest(this.url, { method: this.method, headers: this.headers, content: this.#content })
  }

  get cache(): RequestCache {
    return this.whole.cache
  }

  get credentials(): RequestCredentials {
    return this.whole.credentials
  }

  get destination(): RequestDestination {
    return this.whole.destination
  }

  get integrity(): string {
    return this.whole.integrity
  }

  get keepalive(): boolean {
    return this.whole.keepalive
  }

  get mode(): RequestMode {
    return this.whole.mode
  }

  get referrer(): string {
    return this.whole.referrer
  }

  get referrerPolicy(): ReferrerPolicy {
    return this.whole.referrerPolicy
  }

  get signal(): AbortSignal {
    return this.whole.signal
  }

  /** A request of the platform, with the headers as they are now. */
  clone(): Request {
    return this.make()
  }
}

/**
 * As {@link byteRequest}, without the HTTP client of Node (see {@link HeaderList}). Only a transport that sends requests of
 * bytes by their content can send it: it is no instance of `Request`.
 */
export const bareRequest: MakeByteRequest = (url, init) => markBytes(new BareRequest(url, init), init.content)

/** The same request as one of the platform, which `fetch` can send. */
export const platformRequest = (request: Request): Request =>
  request instanceof BareRequest ? request.clone() : request
