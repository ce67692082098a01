import { BareBody } from "./BareBody.ts"
import type { HeaderList } from "./HeaderList.ts"

/** What a {@link BareResponse} is made of. */
export interface BareResponseInit {
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderList
  readonly url?: string
}

/**
 * A response that does not load the HTTP client of Node (see {@link HeaderList}). It may have any status and reason phrase
 * that HTTP allows; `Response` throws for some that a server may send.
 */
export class BareResponse extends BareBody<Response> implements Response {
  readonly headers: HeaderList
  readonly redirected = false
  readonly status: number
  readonly statusText: string
  readonly type = "default"
  readonly url: string
  protected readonly own: ReadableStream<Uint8Array<ArrayBuffer>> | null

  constructor(body: ReadableStream<Uint8Array> | null, init: BareResponseInit) {
    super()
    this.own = body as ReadableStream<Uint8Array<ArrayBuffer>> | null
    this.headers = init.headers
    this.status = init.status
    this.statusText = init.statusText
    this.url = init.url ?? ""
  }

  /** The same response with another body. */
  readonly rebodied = (body: ReadableStream<Uint8Array> | null): BareResponse => new BareResponse(body, this)

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  protected make(): Response {
    return new Response(this.own, { headers: [...this.headers] })
  }

  /** A copy of the platform. */
  clone(): Response {
    const { ok, status, statusText, url } = this
    const fields = Object.entries({ ok, status, statusText, url }).map(([name, value]) => [name, { value }])
    return Object.defineProperties(this.whole.clone(), Object.fromEntries(fields))
  }
}
