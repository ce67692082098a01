import { assert, describe, it } from "@effect/vitest"
import { isLoopbackHost, isSecureUrl, mayBeThisMachine } from "../../src/domain/SecureUrl.ts"

const hostOf = (host: string) => new URL(`http://${host}`).hostname

describe("a host name", () => {
  it.each(["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "127.1", "2130706433", "[::1]", "[0:0::1]"])(
    "of loopback is one however it is written: %s",
    (host) => {
      assert.isTrue(isLoopbackHost(hostOf(host)))
      assert.isTrue(mayBeThisMachine(hostOf(host)))
    }
  )

  it.each([
    "localhost.",
    "a.localhost",
    "a.b.localhost.",
    "0.0.0.0",
    "0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:127.255.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0.0.0.0]"
  ])("that may lead to this machine is not trusted without TLS for it: %s", (host) => {
    assert.isFalse(isSecureUrl(new URL(`http://${host}`)))
    assert.isTrue(mayBeThisMachine(hostOf(host)))
  })

  it.each([
    "as.test",
    "notlocalhost",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "10.0.0.1",
    "128.0.0.1",
    "[::2]",
    "[::1:1]",
    "[fe80::1]",
    "[::ffff:10.0.0.1]",
    "[2001:db8::7f00:1]"
  ])("of another machine is none of this one: %s", (host) => {
    assert.isFalse(isLoopbackHost(hostOf(host)))
    assert.isFalse(mayBeThisMachine(hostOf(host)))
  })
})
