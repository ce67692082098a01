import { assert, describe, it } from "@effect/vitest"
import { generateKeyPairSync, sign } from "node:crypto"
import { type IncomingHttpHeaders, request } from "node:http"
import { Effect } from "effect"
import { fieldOf } from "../../src/adapters/store/vault/JsonFields.ts"
import { hasNamespaces, startVaultCluster, startVaultNode, type VaultNode } from "./OpenBao.ts"
import { shared } from "./shared.ts"
import { type Row, type Sender, vaultRequests } from "./VaultRequests.ts"
import { type PolicyRule, startVaultServer, type VaultServer } from "./VaultServer.ts"

const rules: Readonly<Record<"reader" | "writer" | "lister" | "denied", ReadonlyArray<PolicyRule>>> = {
  reader: [{ path: "secret/data/*", capabilities: ["read"] }],
  writer: [{ path: "secret/data/*", capabilities: ["create", "read", "update"] }],
  lister: [{ path: "secret/metadata/*", capabilities: ["list"] }],
  denied: [
    { path: "kv/*", capabilities: ["read"] },
    { path: "secret/*", capabilities: ["deny"] }
  ]
}

type Tokens = Readonly<Record<Exclude<Sender, "nobody">, string>>

/** A key pair, and a JWT that it signed. */
const signedJwt = () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const claims = { sub: "app", aud: "vault", iat: 1, nbf: 1, exp: 4_000_000_000 }
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`
  const jwt = `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`
  return { jwt, publicKey: publicKey.export({ type: "spki", format: "pem" }) }
}
const { jwt, publicKey } = signedJwt()

/** Prepares a live server as a double is prepared. */
const prepareLive = async ({ rootToken, send }: VaultNode): Promise<Tokens> => {
  const tokenOf = async (body: object) =>
    String(fieldOf((await send("POST", "auth/token/create", body)).body, "auth", "client_token"))
  for (const [name, rule] of Object.entries(rules)) {
    const path = Object.fromEntries(rule.map(({ capabilities, path: of }) => [of, { capabilities }]))
    await send("PUT", `sys/policies/acl/${name}`, { policy: JSON.stringify({ path }) })
  }
  await send("POST", "sys/mounts/strict", { type: "kv", options: { version: "2" } })
  await send("POST", "strict/config", { cas_required: true })
  await send("POST", "sys/auth/approle", { type: "approle" })
  await send("POST", "auth/approle/role/app", { secret_id_num_uses: 2 })
  await send("POST", "auth/approle/role/app/role-id", { role_id: "role" })
  await send("POST", "auth/approle/role/app/custom-secret-id", { secret_id: "secret" })
  await send("POST", "sys/auth/jwt", { type: "jwt" })
  await send("POST", "auth/jwt/config", { jwt_validation_pubkeys: [publicKey] })
  await send("POST", "auth/jwt/role/app", { role_type: "jwt", bound_audiences: ["vault"], user_claim: "sub" })
  if (hasNamespaces) {
    await send("POST", "sys/namespaces/team")
    await send("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } }, "team")
  }
  const made = (policy: string, more: object = {}) => tokenOf({ policies: [policy], ttl: "2h", ...more })
  const expired = await made("reader")
  await send("POST", "auth/token/revoke", { token: expired })
  return {
    root: rootToken,
    unknown: "hvs.unknown",
    reader: await made("reader"),
    writer: await made("writer"),
    lister: await made("lister"),
    denied: await made("denied"),
    bare: await made("reader", { no_default_policy: true }),
    batch: await made("reader", { type: "batch" }),
    few: await made("reader", { num_uses: 2 }),
    expired
  }
}

const prepareDouble = (double: VaultServer): Tokens => {
  double.mount("strict", { type: "kv", version: 2, casRequired: true })
  double.login({ type: "approle", roleId: "role", secretId: "secret", secretIdUses: 2 })
  double.login({ type: "jwt", role: "app", jwt })
  const made = (policies: ReadonlyArray<PolicyRule>, more: object = {}) =>
    double.createToken({ policies, ttlSeconds: 7200, renewable: true, ...more })
  const expired = made(rules.reader)
  double.revoke(expired)
  return {
    root: double.rootToken,
    unknown: "hvs.unknown",
    reader: made(rules.reader),
    writer: made(rules.writer),
    lister: made(rules.lister),
    denied: made(rules.denied),
    bare: made(rules.reader, { noDefaultPolicy: true }),
    batch: made(rules.reader, { isBatch: true }),
    few: made(rules.reader, { uses: 2 }),
    expired
  }
}

/** What counts of an answer. */
interface Seen {
  readonly status: number
  /** Whether there is one. */
  readonly index: boolean
  readonly errors: unknown
  readonly warnings: unknown
  readonly version: unknown
}

/** The products name themselves in their warnings. */
const withoutName = (text: string) =>
  text.replaceAll("OpenBao CLI", "Vault CLI").replaceAll("'bao kv", "'vault kv")

interface Raw {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

const raw = (url: URL, tokens: Tokens, [method, path, body, by = "root", headers = {}]: Row) =>
  new Promise<Raw>((done, reject) => {
    const list = method === "LIST"
    const sent = request(
      new URL(`/v1/${path}${list ? "?list=true" : ""}`, url),
      {
        method: list ? "GET" : method,
        headers: {
          "x-vault-request": "true",
          ...(by === "nobody" ? {} : { "x-vault-token": tokens[by] }),
          ...headers,
          ...(body === undefined ? {} : { "content-type": "application/json" })
        }
      },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk
        })
        response.once("error", reject)
        response.once("end", () =>
          done({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text.startsWith("{") ? JSON.parse(withoutName(text)) : {}
          })
        )
      }
    )
    sent.once("error", reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })

/** Where answers have what they are about: the version, the keys of a list, the options of a mount, the uses of a token. */
const places = [
  ["version"],
  ["metadata", "version"],
  ["current_version"],
  ["keys"],
  ["options"],
  ["num_uses"]
]

const ask = async (url: URL, tokens: Tokens, row: Row): Promise<Seen> => {
  const { body, headers, status } = await raw(url, tokens, row)
  return {
    status,
    index: headers["x-vault-index"] !== undefined,
    errors: fieldOf(body, "errors") ?? null,
    warnings: fieldOf(body, "warnings") ?? null,
    version: places.map((place) => fieldOf(body, "data", ...place) ?? null)
  }
}

// Vault itself has other namespaces, and words of its own: the double is compared with OpenBao.
describe.skipIf(!hasNamespaces)("the double of Vault (needs scripts/test-servers.sh)", () => {
  const live = shared(startVaultNode())
  const cluster = shared(startVaultCluster)
  const double = shared(
    Effect.acquireRelease(
      Effect.promise(() => startVaultServer({ namespaces: ["team"] })),
      (server) => Effect.promise(() => server.close())
    )
  )

  it("answers as a live server does: status, errors, warnings and versions", async () => {
    const [ofLive, ofDouble] = [await prepareLive(live()), prepareDouble(double())]
    const differences: Array<object> = []
    for (const row of vaultRequests(jwt)) {
      const real = await ask(live().url, ofLive, row)
      // A single node has no index.
      const made = { ...(await ask(double().url, ofDouble, row)), index: real.index }
      if (JSON.stringify(real) !== JSON.stringify(made)) {
        differences.push({
          request: `${row[3] ?? "root"}: ${row[0]} ${row[1]} ${JSON.stringify(row[2])}`,
          real,
          made
        })
      }
    }
    assert.isAtLeast(vaultRequests(jwt).length, 130)
    assert.deepStrictEqual(differences, [])
  })

  it("answers as a standby and a leader do: 429, and where they tell an index", async () => {
    const [leader, standby] = [await cluster().leader(), await cluster().standby()]
    const node = await double().startStandby()
    const tokens = { root: leader.rootToken } as Tokens
    const made = { root: double().rootToken } as Tokens
    const index = async (url: URL, by: Tokens) => {
      const { headers } = await raw(url, by, ["POST", "secret/data/index", { data: { x: "1" } }])
      const told = JSON.parse(Buffer.from(String(headers["x-vault-index"]), "base64").toString()) as object
      return Buffer.from(JSON.stringify({ ...told, value: "99999999" })).toString("base64")
    }
    const [future, ofDouble] = [await index(leader.url, tokens), await index(double().url, made)]
    node.catchUp()
    const rows = (value: string): ReadonlyArray<readonly ["leader" | "standby", Row]> => {
      const asking = (how: string) => ({ "x-vault-index": value, "x-vault-inconsistent": how })
      const get = ["GET", "secret/data/index"] as const
      return [
        ["leader", ["GET", "secret/data/missing"]],
        ["leader", get],
        ["leader", ["LIST", "secret/metadata/"]],
        ["leader", ["GET", "sys/internal/ui/mounts/secret"]],
        ["leader", ["GET", "auth/token/lookup-self"]],
        ["leader", ["POST", "secret/metadata/more", { max_versions: 1 }]],
        ["leader", ["POST", "secret/data/more", { data: { x: "1" }, options: { cas: 0 } }]],
        ["leader", ["POST", "secret/data/more", { data: { x: "1" }, options: { cas: 0 } }]],
        ["leader", ["DELETE", "secret/metadata/more"]],
        ["leader", ["POST", "kv/more", { x: "1" }]],
        ["leader", ["DELETE", "kv/more"]],
        ["leader", [...get, undefined, "root", { "x-vault-index": value }]],
        ["leader", [...get, undefined, "root", asking("forward-active-node")]],
        ["leader", [...get, undefined, "root", asking("retry")]],
        ["leader", [...get, undefined, "root", { "x-vault-index": "garbage" }]],
        ["standby", [...get, undefined, "root", { "x-vault-index": value }]],
        ["standby", [...get, undefined, "root", asking("fail")]],
        ["standby", [...get, undefined, "root", asking("forward-active-node")]],
        ["standby", [...get, undefined, "root", asking("retry")]],
        ["standby", [...get, undefined, "root", { "x-vault-inconsistent": "retry" }]],
        ["standby", [...get, undefined, "root", { "x-vault-index": "garbage" }]],
        ["standby", ["POST", "secret/data/index", { data: { x: "2" } }, "root", { "x-vault-index": value }]],
        [
          "standby",
          ["POST", "secret/data/index", { data: { x: "2" } }, "root", asking("forward-active-node")]
        ],
        ["standby", ["POST", "secret/data/index", { data: { x: "2" } }]]
      ]
    }
    const differences: Array<object> = []
    const [ofReal, ofMade] = [rows(future), rows(ofDouble)]
    for (const [at, [where, row]] of ofReal.entries()) {
      const real = await ask(where === "leader" ? leader.url : standby.url, tokens, row)
      const same = ofMade[at]?.[1] ?? row
      const answer = await ask(where === "leader" ? double().url : node.url, made, same)
      const known = { ...answer, version: real.version }
      if (JSON.stringify(real) !== JSON.stringify(known)) {
        differences.push({ request: `${where} ${JSON.stringify(row)}`, real, known })
      }
    }
    await node.close()
    assert.deepStrictEqual(differences, [])
  })
})
