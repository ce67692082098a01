import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isLoopbackHost, isSecureUrl } from "../../src/domain/SecureUrl.ts"

const hostOf = (host: string) => new URL(`http://${host}`).hostname

describe("a host name", () => {
  it.each(["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "127.1", "2130706433", "[::1]", "[0:0::1]"])(
    "of loopback is one however it is written: %s",
    (host) => assert.isTrue(isLoopbackHost(hostOf(host)))
  )

  it.each([
    "localhost.",
    "a.localhost",
    "a.b.localhost.",
    "0.0.0.0",
    "0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "as.test",
    "notlocalhost",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "10.0.0.1",
    "128.0.0.1",
    "[::2]",
    "[fe80::1]"
  ])("that only may lead to this machine, or leads to another, is not trusted without TLS: %s", (host) => {
    assert.isFalse(isLoopbackHost(hostOf(host)))
    assert.isFalse(isSecureUrl(new URL(`http://${host}`)))
    assert.isTrue(isSecureUrl(new URL(`https://${host}`)))
  })
})

describe("a URL", () => {
  it.prop(
    "of any text is secure only as https, or as http on loopback",
    [
      Schema.Literals(["https", "http", "HTTP", "ftp", "ws", "javascript", "file", "data", "vbscript", "x"]),
      Schema.Literals(["localhost", "127.0.0.1", "[::1]", "as.test", "localhost.as.test", "10.0.0.1"]),
      Schema.String
    ],
    ([scheme, host, rest]) => {
      const url = URL.parse(`${scheme}://${host}/${rest}`)
      if (url === null) return
      const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(host)
      assert.strictEqual(
        isSecureUrl(url),
        scheme === "https" || (scheme.toLowerCase() === "http" && loopback)
      )
    }
  )
})
