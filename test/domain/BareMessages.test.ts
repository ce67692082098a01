import { assert, describe, it } from "vitest"
import { bareRequest, platformRequest } from "../../src/domain/BareRequest.ts"
import { BareResponse } from "../../src/domain/BareResponse.ts"
import { byteRequest } from "../../src/domain/ByteRequest.ts"
import { HeaderList } from "../../src/domain/HeaderList.ts"
import { withBody } from "../../src/ports/HttpTransport.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const streamOf = (text: string) => new Response(text).body

const headOf = ({ cache, credentials, destination, headers, method, mode, redirect, url }: Request) => ({
  cache,
  credentials,
  destination,
  headers: [...headers],
  method,
  mode,
  redirect,
  url
})

describe("a bare request", () => {
  const init = { method: "POST", headers: [["Accept", "text/plain"]] as const, content: bytes("{}") }
  const url = "https://mcp.test/a b?c=d#e"

  it("has what a request of the platform has", async () => {
    const [ours, theirs] = [bareRequest(url, init), byteRequest(url, init)]
    assert.deepEqual(headOf(ours), headOf(theirs))
    assert.deepEqual([ours.bodyUsed, await ours.text(), ours.bodyUsed], [false, "{}", true])
    assert.isNull(bareRequest(url, { ...init, content: undefined }).body)
  })

  it("becomes one of the platform, with the headers that it has by then", async () => {
    const request = bareRequest(url, init)
    request.headers.set("authorization", "Bearer token")
    for (const same of [request.clone(), platformRequest(request)]) {
      assert.instanceOf(same, Request)
      assert.strictEqual(same.headers.get("authorization"), "Bearer token")
      assert.strictEqual(await same.text(), "{}")
    }
    assert.isFalse(request.bodyUsed)
  })
})

describe("a bare response", () => {
  const make = (status: number, body = streamOf("answer")) =>
    new BareResponse(body, { status, statusText: "Weird\xe9", headers: new HeaderList([["x-y", "z"]]) })

  it.each([200, 299, 300, 777])("has what the server has said: %d", (status) => {
    const { headers, ok, statusText } = make(status)
    assert.deepEqual([ok, statusText, headers.get("X-Y")], [status < 300, "Weird\xe9", "z"])
  })

  it("is read once, as a whole or as a stream", async () => {
    assert.strictEqual(await make(200).text(), "answer")
    assert.deepEqual(await make(200, streamOf('{"a":1}')).json(), { a: 1 })
    assert.strictEqual(await new Response(make(200).body).text(), "answer")
    const read = make(200)
    await read.arrayBuffer()
    assert.isTrue(read.bodyUsed)
    assert.isTrue(
      await read.text().then(
        () => false,
        () => true
      )
    )
  })

  it("can be copied before that, and get another body", async () => {
    const response = make(777)
    const copy = response.clone()
    assert.deepEqual([copy.status, copy.headers.get("x-y"), await copy.text()], [777, "z", "answer"])
    assert.strictEqual(await response.text(), "answer")
    const other = withBody(make(777), streamOf("other"))
    assert.deepEqual([other.status, other.headers.get("x-y"), await other.text()], [777, "z", "other"])
  })
})
