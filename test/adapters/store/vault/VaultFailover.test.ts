import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  ConnectionFailed,
  type RawResponse,
  VaultConnector
} from "../../../../src/adapters/store/vault/VaultConnection.ts"
import { vaultHttp } from "../../../../src/adapters/store/vault/VaultHttp.ts"
import { PatientUntil } from "../../../../src/adapters/store/vault/VaultRetry.ts"

type Answer = RawResponse | ConnectionFailed

const answer = (status: number, body?: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  headers,
  text: body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body)
})
const said = (status: number, error: string) => answer(status, { errors: [error] })
const redirect = (origin: string) => answer(307, undefined, { location: `${origin}/v1/secret/data/a` })
const refused = new ConnectionFailed({ code: "ECONNREFUSED" })
const good = answer(200, { data: {} })

const noLeader = said(500, "local node not active but active cluster node not found")

/**
 * One request to a cluster, in virtual time: what came of it, after how many seconds, what the user was told, and which nodes
 * were asked with a token.
 */
const requestTo = (
  nodes: Readonly<Record<string, (seconds: number) => Answer>>,
  { urls = Object.keys(nodes), patience }: { urls?: ReadonlyArray<string>; patience?: number } = {}
) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const told: Array<string> = []
    const connector = VaultConnector.of(() =>
      Effect.succeed({
        exchange: (target, { headers }) =>
          Effect.gen(function* () {
            if (headers["x-vault-token"] !== undefined) asked.push(target.origin)
            const found = nodes[target.origin]?.((yield* Clock.currentTimeMillis) / 1000) ?? refused
            return found instanceof ConnectionFailed ? yield* found : found
          })
      })
    )
    const [url = "", ...others] = urls
    const sent = Effect.gen(function* () {
      const http = yield* vaultHttp(
        {
          url: new URL(url),
          otherUrls: others.map((other) => new URL(other)),
          namespace: undefined,
          tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
        },
        (line) => Effect.sync(() => void told.push(line))
      )
      const request = { method: "POST", path: ["secret", "data", "a"], body: {} } as const
      const result = yield* Effect.result(http.send({ ...request, token: Redacted.make("t") }))
      return { result, seconds: (yield* Clock.currentTimeMillis) / 1000 }
    }).pipe(
      Effect.scoped,
      Effect.provideService(VaultConnector, connector),
      Effect.provideService(PatientUntil, patience)
    )
    const fiber = yield* Effect.forkChild(sent)
    for (let second = 0; second < 120; second++) yield* TestClock.adjust("1 second")
    return { ...(yield* Fiber.join(fiber)), asked, told }
  })

const [one, two, three] = ["http://one.test:8200", "http://two.test:8200", "http://three.test:8200"] as const

describe("a cluster whose leader has ended", () => {
  it.effect.each<readonly [string, Answer, string]>([
    ["a node without a leader", noLeader, "this node is not the active one"],
    ["a standby of Vault Enterprise", said(473, ""), "this node is not the active one"],
    ["a standby that knows only the old leader", redirect(three), `it sends us to ${three}`],
    ["a balancer without nodes", answer(502, "<h1>Bad Gateway</h1>"), "none of its nodes answers the proxy"]
  ])("is waited for, with a word to the user: %s", ([, failing, detail]) =>
    Effect.gen(function* () {
      const { asked, result, seconds, told } = yield* requestTo({
        [one]: (now) => (now < 13 ? failing : good)
      })
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(seconds, 13)
      assert.lengthOf(told, 1)
      assert.include(told[0], `Waiting for Vault at ${one}: ${detail}`)
      assert.deepStrictEqual([...new Set(asked)], [one])
    })
  )

  it.effect.each<readonly [string, Answer, Answer]>([
    ["is not there", redirect(two), refused],
    ["names the first in turn", redirect(two), redirect(one)],
    ["is sealed", redirect(two), said(503, "Vault is sealed")]
  ])("is waited for if a node names a configured one as the leader, which %s", ([, first, second]) =>
    Effect.gen(function* () {
      const { result, seconds } = yield* requestTo({
        [one]: (now) => (now < 13 ? first : good),
        [two]: () => second
      })
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(seconds, 13)
    })
  )

  it.effect.each<readonly [string, Answer]>([
    ["has no leader", noLeader],
    ["redirects to an address that is not configured", redirect(three)]
  ])("is given up if it %s for longer than a failover takes", ([, failing]) =>
    Effect.gen(function* () {
      const { asked, result, seconds } = yield* requestTo(
        { [one]: () => failing, [three]: () => good },
        { urls: [one] }
      )
      assert.strictEqual(result._tag, "Failure")
      assert.isAtLeast(seconds, 20)
      assert.isAtMost(seconds, 23)
      assert.notInclude(asked, three)
    })
  )

  it.effect.each<readonly [string, Answer]>([
    ["the connection is refused", refused],
    ["it is sealed", said(503, "Vault is sealed")],
    ["it fails", said(500, "internal error")]
  ])("is not waited for because %s, unless a lease protects what is written", ([, failing]) =>
    Effect.gen(function* () {
      const nodes = { [one]: (now: number) => (now % 120 < 25 ? failing : good) }
      const short = yield* requestTo(nodes)
      assert.strictEqual(short.result._tag, "Failure")
      assert.isAtMost(short.seconds, 3)
      assert.lengthOf(short.asked, 4)
      const patient = yield* requestTo(nodes, { patience: 150_000 })
      assert.strictEqual(patient.result._tag, "Success")
      assert.lengthOf(patient.told, 1)
    })
  )

  it.effect("is not waited for by what has to be quick", () =>
    Effect.gen(function* () {
      const { result, seconds } = yield* requestTo({ [one]: () => noLeader }, { patience: 0 })
      assert.strictEqual(result._tag, "Failure")
      assert.isAtMost(seconds, 3)
    })
  )
})

describe("several addresses", () => {
  it.effect.each<readonly [string, Answer]>([
    ["is not there", refused],
    ["has no such host", new ConnectionFailed({ code: "ENOTFOUND" })],
    ["is sealed", said(503, "Vault is sealed")],
    ["knows no leader", noLeader],
    ["sends to the second", redirect(two)],
    ["sends to one that is not configured", redirect(three)]
  ])("are tried in order, at once, if the first %s", ([, failing]) =>
    Effect.gen(function* () {
      const nodes = { [one]: () => failing, [two]: () => good, [three]: () => good }
      const { asked, result, seconds } = yield* requestTo(nodes, { urls: [one, two] })
      assert.strictEqual(result._tag, "Success")
      assert.strictEqual(seconds, 0)
      assert.deepStrictEqual(asked, [one, two])
    })
  )

  it.effect("share a quota, and are not asked instead of each other when it is used up", () =>
    Effect.gen(function* () {
      const nodes = { [one]: () => said(429, "quota"), [two]: () => good }
      const { asked, result } = yield* requestTo(nodes)
      assert.strictEqual(result._tag, "Failure")
      assert.deepStrictEqual([...new Set(asked)], [one])
    })
  )

  it.effect.each<readonly [string, string, string]>([
    ["https to http", "https://one.test:8200", one],
    ["http to https", one, "https://one.test:8200"],
    ["an address to one with a user in it", one, "http://user@two.test:8200"]
  ])("are no reason to follow a redirect from %s", ([, from, to]) =>
    Effect.gen(function* () {
      const nodes = { [from]: () => redirect(to), [two]: () => good }
      const { asked, result, seconds } = yield* requestTo(nodes, { urls: [from] })
      assert.isTrue(
        result._tag === "Failure" && result.failure.message.includes("sends us to another address")
      )
      assert.deepStrictEqual([asked, seconds], [[from], 0])
    })
  )
})
