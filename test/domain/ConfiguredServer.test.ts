import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import {
  type ConfiguredServer,
  destinationsOf,
  isReady,
  secretUsesOf,
  secretValueProblem,
  withSecrets
} from "../../src/domain/ConfiguredServer.ts"
import { optionalEndpoints } from "../../src/domain/OAuthEndpoints.ts"
import { remoteServer } from "../../src/domain/RemoteServer.ts"
import {
  type ConfiguredValue,
  secretNameFor,
  secretNameProblem,
  SecretReference
} from "../../src/domain/SecretReference.ts"
import type { OAuthSettings, RemoteServer } from "../../src/domain/Server.ts"
import { secretTextOf } from "../SecretText.ts"

const reference = new SecretReference([Redacted.make("Bearer "), { secret: "KEY" }])
const clientSecret = new SecretReference([{ secret: "client" }])
const plain = remoteServer("https://mcp.test:8443/mcp", { name: "s" })

const remote = (oauth: Partial<OAuthSettings> = {}, byHand = false): RemoteServer<ConfiguredValue> => ({
  ...plain,
  headers: { a: Redacted.make("x"), b: reference },
  oauth: {
    ...plain.oauth,
    ...oauth,
    source: byHand
      ? {
          _tag: "ByHand",
          tokenEndpoint: new URL("https://as.test/token"),
          client: { clientId: "c", clientSecret }
        }
      : { _tag: "Discovered", client: { clientId: "c", clientSecret } }
  }
})

const program = (args: ReadonlyArray<string>, cwd?: string): ConfiguredServer => ({
  _tag: "Stdio",
  name: "p",
  command: "npx",
  args,
  env: { KEY: new SecretReference([{ secret: "KEY" }]) },
  cwd
})

describe("a server whose entry refers to secrets", () => {
  it("sends them to its own origin, and the client's to its authorization server", () => {
    const uses = (server: ConfiguredServer) =>
      secretUsesOf(server).map(({ destination, name }) => `${name} ${destination}`)
    assert.deepStrictEqual(uses(remote()), ["KEY https://mcp.test:8443", "client https://mcp.test:8443"])
    assert.deepStrictEqual(uses(remote({ issuer: "https://login.test/tenant" })), [
      "KEY https://mcp.test:8443",
      "client https://login.test and https://mcp.test:8443"
    ])
    assert.deepStrictEqual(uses(remote({ issuer: "https://login.test/tenant" }, true)), [
      "KEY https://mcp.test:8443",
      "client https://as.test and https://mcp.test:8443"
    ])
  })

  it.each(optionalEndpoints)("is another one for its client with another address of %s", (name) => {
    const byHand = remote({}, true)
    const { source } = byHand.oauth
    assert(source._tag === "ByHand")
    const withEndpoint = (address: string) =>
      destinationsOf(
        {
          ...byHand,
          oauth: { ...byHand.oauth, source: { ...source, endpoints: { [name]: new URL(address) } } }
        },
        "client"
      )
    assert.deepStrictEqual(withEndpoint("https://as.test/x"), destinationsOf(byHand, "client"))
    assert.deepStrictEqual(withEndpoint("https://evil.test/x"), [
      "https://as.test and https://evil.test and https://mcp.test:8443"
    ])
  })

  it.each([false, true])("is another one for its client at another server (by hand: %s)", (isByHand) => {
    const own = remote({ issuer: "https://login.test" }, isByHand)
    const other = { ...own, url: new URL("https://evil.test/mcp") }
    assert.notDeepEqual(destinationsOf(other, "client"), destinationsOf(own, "client"))
  })

  it("is told from another command line", () => {
    const lines = [program(["a", "b"]), program(["a b"]), program(["a"], "b"), program(["a"])]
    assert.strictEqual(new Set(lines.flatMap((line) => destinationsOf(line, "KEY"))).size, lines.length)
  })

  it("has one place for a secret that it does not use yet", () => {
    assert.deepStrictEqual(destinationsOf(plain, "NEW"), ["https://mcp.test:8443"])
    const both: ConfiguredServer = { ...plain, headers: { a: clientSecret }, oauth: remote({}, true).oauth }
    assert.deepStrictEqual(destinationsOf(both, "client"), [
      "https://mcp.test:8443",
      "https://as.test and https://mcp.test:8443"
    ])
  })

  it("is filled in everywhere, and only there", () => {
    const server = withSecrets(remote(), (name) => Redacted.make(`<${name}>`))
    assert.isTrue(isReady(server))
    assert.isFalse(isReady(remote()))
    assert(server._tag === "Http")
    const shown = Object.entries(server.headers).map(([name, value]) => [name, Redacted.value(value)])
    assert.deepStrictEqual(shown, [
      ["a", "x"],
      ["b", "Bearer <KEY>"]
    ])
    const secret = server.oauth.source.client?.clientSecret
    assert.strictEqual(secretTextOf(secret), "<client>")
    assert.deepStrictEqual(server.storedSecrets?.map(Redacted.value), ["<KEY>", "<client>"])
    const started = withSecrets(program([]), () => Redacted.make("v"))
    assert(started._tag === "Stdio" && started.env["KEY"] !== undefined)
    assert.strictEqual(Redacted.value(started.env["KEY"]), "v")
  })

  it.each([
    ["", "is empty"],
    ["a\0b", "has a NUL character in it"],
    ["a".repeat(16_385), "has more than 16384 characters"]
  ])("takes no secret %j", (text, problem) => {
    assert.strictEqual(secretValueProblem(plain, text), problem)
    assert.strictEqual(secretValueProblem(program([]), text), problem)
  })

  it("takes what its headers can hold, and any text for a program", () => {
    for (const text of ["two\nlines", "日本"]) {
      assert.isDefined(secretValueProblem(plain, text))
      assert.isUndefined(secretValueProblem(program([]), text))
    }
    assert.isUndefined(secretValueProblem(plain, " sk-1 ü"))
  })
})

describe("the name of a secret", () => {
  it("is made of the name of a field", () => {
    for (const [field, name] of [
      ["X-Api-Key", "X-Api-Key"],
      ["a.b c", "a_b_c"],
      ["1st", "_1st"],
      ["-x", "_-x"],
      ["a".repeat(50), "a".repeat(40)]
    ] as const) {
      assert.strictEqual(secretNameFor(field), name)
      assert.isUndefined(secretNameProblem(name))
    }
    for (const name of ["", "1a", "a b", "ü", "a".repeat(41), "a/b"])
      assert.isDefined(secretNameProblem(name))
  })
})
