/** Bytes up to which a body is copied into the request. A longer one is read from where it is. */
const maxCopied = 65_536

/** A body for `Request`, which takes a copy of bytes: long ones would be in memory once for each request. */
const bodyOf = (content: Uint8Array | undefined): RequestInit => {
  if (content === undefined) return {}
  if (content.length <= maxCopied) return { body: content as Uint8Array<ArrayBuffer> }
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      controller.enqueue(content)
      controller.close()
    }
  })
  const init: RequestInit & { readonly duplex: "half" } = { body, duplex: "half" }
  return init
}

/** How a request of bytes is made. */
export interface ByteRequestInit {
  readonly method: string
  readonly headers: Iterable<readonly [name: string, value: string]>
  /** Absent: no body. */
  readonly content: Uint8Array | undefined
}

/** What requests of bytes send. No subclass of `Request`, which Node would load at every start of the program. */
const contents = new WeakMap<Request, { readonly content: Uint8Array | undefined }>()

/** Notes that a request sends these bytes. */
export const markBytes = (request: Request, content: Uint8Array | undefined): Request => {
  contents.set(request, { content })
  return request
}

/** Makes a request of bytes. */
export type MakeByteRequest = (url: string | URL, init: ByteRequestInit) => Request

/**
 * Makes a request whose body is bytes that are there. It can be sent again ({@link repeatable}), and a transport that knows it
 * sends the bytes without a stream. Other transports send it as any other request. It does not follow redirects, and has no signal.
 */
export const byteRequest: MakeByteRequest = (url, { content, headers, method }) =>
  markBytes(
    new Request(url, {
      method,
      headers: Array.from(headers, ([name, value]) => [name, value]),
      redirect: "manual",
      ...bodyOf(content)
    }),
    content
  )

/** The bytes that a request sends; `undefined` for a request with another body. */
export const contentOf = (request: Request): { readonly content: Uint8Array | undefined } | undefined =>
  contents.get(request)

/**
 * A request to send in place of this one, which may be sent again. A transport that sends the bytes of a request does not read
 * its body, and no copy is needed.
 */
export const repeatable = (request: Request): Request => {
  const known = contents.get(request)
  if (known === undefined) return request.clone()
  if (!request.bodyUsed) return request
  const { headers, method, url } = request
  return byteRequest(url, { method, headers, ...known })
}
