import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { request as plainRequest } from "node:http"
import { request as secureRequest, type RequestOptions } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { type Fields, startVaultServer, type VaultServer, type VaultServerOptions } from "./VaultServer.ts"

interface Asked {
  readonly body?: unknown
  /** "" sends none. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body; an empty one is an empty object. */
  readonly json: {
    readonly errors?: ReadonlyArray<string>
    readonly warnings?: ReadonlyArray<string> | null
    // oxlint-disable-next-line typescript/no-explicit-any
    readonly data?: any
    // oxlint-disable-next-line typescript/no-explicit-any
    readonly auth?: any
  } & Fields
}

const ask = async (
  vault: VaultServer,
  method: string,
  path: string,
  asked: Asked = {}
): Promise<Answered> => {
  const token = asked.token ?? vault.rootToken
  const response = await fetch(new URL(`/v1/${path}`, vault.url), {
    method,
    redirect: "manual",
    ...(asked.signal === undefined ? {} : { signal: asked.signal }),
    headers: {
      "x-vault-request": "true",
      ...(token === "" ? {} : { "x-vault-token": token }),
      ...(asked.body === undefined ? {} : { "content-type": "application/json" }),
      ...asked.headers
    },
    ...(asked.body === undefined
      ? {}
      : { body: typeof asked.body === "string" ? asked.body : JSON.stringify(asked.body) })
  })
  const text = await response.text()
  const isJson = response.headers.get("content-type") === "application/json" && text.endsWith("\n")
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} }
}

/** Sends a target as it stands: `fetch` would tidy it first. */
const askRaw = (vault: VaultServer, target: string, method = "GET"): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { "x-vault-request": "true", "x-vault-token": vault.rootToken }
    plainRequest(vault.url, { method, path: target, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .once("error", reject)
      .end()
  })

const withVault = async (
  options: VaultServerOptions,
  use: (vault: VaultServer) => Promise<void>
): Promise<void> => {
  const vault = await startVaultServer(options)
  try {
    await use(vault)
  } finally {
    await vault.close()
  }
}

/** A test whose every request is as documented. */
const documented = (
  name: string,
  use: (vault: VaultServer) => Promise<void>,
  options: VaultServerOptions = {}
) =>
  it(`${name}`, () =>
    withVault(options, async (vault) => {
      await use(vault)
      assert.deepStrictEqual(vault.violations, [])
    }))

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail("it was answered"),
    (error: unknown) => error
  )

const put = (vault: VaultServer, path: string, data: Fields, cas?: number) =>
  ask(vault, "POST", path, { body: { data, ...(cas === undefined ? {} : { options: { cas } }) } })

/** A clock that only the test moves. */
const stopped: VaultServerOptions = { now: () => 1_800_000_000_000 }

const mismatch = "check-and-set parameter did not match the current version"

describe("VaultServer", () => {
  describe("key-value, version 2", () => {
    documented("gives back what was written, with its version and times by its own clock", async (vault) => {
      vault.advance(-365 * 86_400_000)
      const written = await put(vault, "secret/data/a/b", { token: "t", nested: { deep: [1] } })
      assert.strictEqual(written.status, 200)
      const read = await ask(vault, "GET", "secret/data/a/b")
      assert.strictEqual(read.status, 200)
      assert.deepStrictEqual(read.json.data.data, { token: "t", nested: { deep: [1] } })
      const { metadata } = read.json.data
      assert.deepStrictEqual(written.json.data, metadata)
      assert.deepStrictEqual([metadata.version, metadata.destroyed, metadata.deletion_time], [1, false, ""])
      assert.match(metadata.created_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{4,9}Z$/)
      assert.isBelow(Math.abs(Date.parse(metadata.created_time) - vault.now()), 60_000)
      assert.isBelow(Math.abs(Date.parse(read.headers.get("date") ?? "") - vault.now()), 60_000)
      assert.match(String(read.json["request_id"]), /^[0-9a-f-]{36}$/)
      assert.deepStrictEqual(
        [read.json["lease_id"], read.json["renewable"], read.json.warnings, read.json.auth],
        ["", false, null, null]
      )
    })

    documented("knows a record that never was from one that is deleted", async (vault) => {
      const never = await ask(vault, "GET", "secret/data/x")
      assert.deepStrictEqual([never.status, never.json], [404, { errors: [] }])
      await put(vault, "secret/data/x", { a: "1" })
      assert.strictEqual((await ask(vault, "DELETE", "secret/data/x")).status, 204)
      const deleted = await ask(vault, "GET", "secret/data/x")
      assert.strictEqual(deleted.status, 404)
      assert.isNull(deleted.json.data.data)
      assert.strictEqual(deleted.json.data.metadata.version, 1)
      assert.match(deleted.json.data.metadata.deletion_time, /Z$/)
      assert.isUndefined(deleted.json.errors)
      await ask(vault, "DELETE", "secret/data/x")
      assert.deepStrictEqual((await ask(vault, "GET", "secret/data/x")).json.data, deleted.json.data)
      assert.deepStrictEqual(vault.versions("secret", "x"), [{ version: 1, data: { a: "1" }, deleted: true }])
    })

    documented("writes by check-and-set only over the version that it names", async (vault) => {
      assert.strictEqual((await put(vault, "secret/data/x", { a: "1" }, 1)).status, 400)
      assert.strictEqual((await put(vault, "secret/data/x", { a: "1" }, 0)).status, 200)
      const again = await put(vault, "secret/data/x", { a: "2" }, 0)
      assert.deepStrictEqual([again.status, again.json], [400, { errors: [mismatch] }])
      assert.strictEqual((await put(vault, "secret/data/x", { a: "2" }, 1)).json.data.version, 2)
      assert.strictEqual((await put(vault, "secret/data/x", { a: "3" }, 1)).status, 400)
      assert.strictEqual((await put(vault, "secret/data/x", { a: "3" })).json.data.version, 3)
    })

    documented(
      "keeps counting after a deletion, and starts anew after that of the metadata",
      async (vault) => {
        await put(vault, "secret/data/x", { a: "1" })
        await ask(vault, "DELETE", "secret/data/x")
        assert.strictEqual((await put(vault, "secret/data/x", { a: "2" }, 0)).status, 400)
        assert.strictEqual((await put(vault, "secret/data/x", { a: "2" }, 1)).json.data.version, 2)
        assert.strictEqual((await ask(vault, "DELETE", "secret/metadata/x")).status, 204)
        assert.deepStrictEqual(vault.versions("secret", "x"), [])
        assert.strictEqual((await put(vault, "secret/data/x", { a: "3" }, 0)).json.data.version, 1)
      }
    )

    documented("asks for check-and-set where the mount or the record does", async (vault) => {
      vault.mount("strict", { type: "kv", version: 2, casRequired: true })
      const needed = { errors: ["check-and-set parameter required for this call"] }
      const byMount = await put(vault, "strict/data/x", {})
      assert.deepStrictEqual([byMount.status, byMount.json], [400, needed])
      const relaxed = await ask(vault, "POST", "strict/metadata/x", { body: { cas_required: false } })
      assert.strictEqual(relaxed.status, 200)
      assert.match(relaxed.json.warnings?.[0] ?? "", /mandated by backend config/)
      await ask(vault, "POST", "secret/metadata/y", { body: { cas_required: true } })
      assert.deepStrictEqual((await put(vault, "secret/data/y", {})).json, needed)
      assert.strictEqual((await put(vault, "secret/data/y", {}, 0)).status, 200)
    })

    documented(
      "drops versions beyond max_versions at the next write, and ten are the default",
      async (vault) => {
        for (let count = 0; count < 12; count += 1) await put(vault, "secret/data/x", { count })
        const kept = () => vault.versions("secret", "x").map(({ version }) => version)
        assert.deepStrictEqual(kept(), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        await ask(vault, "POST", "secret/metadata/x", { body: { max_versions: 1 } })
        assert.strictEqual(kept().length, 10)
        await put(vault, "secret/data/x", { count: 12 })
        assert.deepStrictEqual(kept(), [13])
        assert.strictEqual((await ask(vault, "GET", "secret/data/x?version=12")).status, 404)
      }
    )

    documented("lets a record keep no fewer versions than its mount does", async (vault) => {
      vault.mount("many", { type: "kv", version: 2, maxVersions: 3 })
      await ask(vault, "POST", "many/metadata/x", { body: { max_versions: 1 } })
      for (let count = 0; count < 5; count += 1) await put(vault, "many/data/x", { count })
      assert.deepStrictEqual(
        vault.versions("many", "x").map(({ version }) => version),
        [3, 4, 5]
      )
    })

    documented("deletes versions by itself after delete_version_after", async (vault) => {
      await ask(vault, "POST", "secret/metadata/x", { body: { delete_version_after: "1m30s" } })
      await put(vault, "secret/data/x", { a: "1" })
      assert.strictEqual((await ask(vault, "GET", "secret/data/x")).status, 200)
      vault.advance(90_001)
      const gone = await ask(vault, "GET", "secret/data/x")
      assert.strictEqual(gone.status, 404)
      assert.match(gone.json.data.metadata.deletion_time, /Z$/)
    })

    documented("tells and changes metadata", async (vault) => {
      assert.strictEqual((await ask(vault, "GET", "secret/metadata/x")).status, 404)
      const body = {
        max_versions: 4,
        cas_required: true,
        delete_version_after: "3h25m19s",
        custom_metadata: { by: "me" }
      }
      assert.strictEqual((await ask(vault, "PUT", "secret/metadata/x", { body })).status, 204)
      await put(vault, "secret/data/x", { a: "1" }, 0)
      const { data } = (await ask(vault, "GET", "secret/metadata/x")).json
      const { max_versions, cas_required, delete_version_after, custom_metadata } = data
      assert.deepStrictEqual({ max_versions, cas_required, delete_version_after, custom_metadata }, body)
      assert.deepStrictEqual([data.current_version, data.oldest_version], [1, 0])
      assert.deepStrictEqual(Object.keys(data.versions), ["1"])
      const read = await ask(vault, "GET", "secret/data/x")
      assert.deepStrictEqual(read.json.data.metadata.custom_metadata, { by: "me" })
    })

    documented("destroys versions, and undoes deletions but no destruction", async (vault) => {
      await put(vault, "secret/data/x", { a: "1" })
      await put(vault, "secret/data/x", { a: "2" })
      await ask(vault, "POST", "secret/delete/x", { body: { versions: [1, 2] } })
      await ask(vault, "PUT", "secret/destroy/x", { body: { versions: [1] } })
      await ask(vault, "POST", "secret/undelete/x", { body: { versions: [1, 2] } })
      const destroyed = await ask(vault, "GET", "secret/data/x?version=1")
      assert.deepStrictEqual(
        [destroyed.status, destroyed.json.data.data, destroyed.json.data.metadata.destroyed],
        [404, null, true]
      )
      assert.deepStrictEqual((await ask(vault, "GET", "secret/data/x")).json.data.data, { a: "2" })
      const none = await ask(vault, "PUT", "secret/destroy/x", { body: { versions: [] } })
      assert.strictEqual(none.status, 400)
    })

    documented("lists keys and folders, deleted ones too", async (vault) => {
      for (const name of ["b", "a", "f/one", "f/two", "f"]) await put(vault, `secret/data/${name}`, {})
      await ask(vault, "DELETE", "secret/data/a")
      const all = await ask(vault, "GET", "secret/metadata?list=true")
      assert.deepStrictEqual([all.status, all.json.data], [200, { keys: ["a", "b", "f", "f/"] }])
      const below = await ask(vault, "GET", "secret/metadata/f/?list=true")
      assert.deepStrictEqual(below.json.data, { keys: ["one", "two"] })
      const none = await ask(vault, "GET", "secret/metadata/nothing?list=true")
      assert.deepStrictEqual([none.status, none.json], [404, { errors: [] }])
    })

    documented("warns of paths of version 1", async (vault) => {
      for (const [method, command] of [
        ["GET", "get"],
        ["POST", "put"],
        ["DELETE", "delete"]
      ] as const) {
        const answer = await ask(vault, method, "secret/app/x", method === "POST" ? { body: { a: "1" } } : {})
        assert.strictEqual(answer.status, 404)
        assert.isNull(answer.json.data)
        assert.deepStrictEqual(answer.json.warnings, [
          `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv ${command}' for this operation.`
        ])
      }
    })

    documented("refuses a write without data, and one that is too large", async (vault) => {
      const without = await ask(vault, "POST", "secret/data/x", { body: { options: { cas: 0 } } })
      assert.deepStrictEqual([without.status, without.json.errors], [400, ["no data provided"]])
      const large = await put(vault, "secret/data/x", { a: "x".repeat(1024 * 1024) })
      assert.strictEqual(large.status, 500)
      const unversioned = await ask(vault, "POST", "kv/x", { body: { a: "x".repeat(1024 * 1024) } })
      assert.strictEqual(unversioned.status, 500)
      assert.deepStrictEqual(vault.paths("secret"), [])
    })

    documented("keeps names apart that differ only when decoded", async (vault) => {
      await put(vault, `secret/data/${encodeURIComponent("ä ?#%41")}`, { a: "1" })
      assert.deepStrictEqual(vault.paths("secret"), ["ä ?#%41"])
    })
  })

  describe("key-value, version 1", () => {
    documented("reads, writes, lists and deletes", async (vault) => {
      assert.deepStrictEqual((await ask(vault, "GET", "kv/a/b")).json, { errors: [] })
      assert.strictEqual((await ask(vault, "POST", "kv/a/b", { body: { x: "1" } })).status, 204)
      assert.strictEqual((await ask(vault, "PUT", "kv/a/b", { body: { y: "2" } })).status, 204)
      assert.deepStrictEqual((await ask(vault, "GET", "kv/a/b")).json.data, { y: "2" })
      assert.deepStrictEqual((await ask(vault, "GET", "kv?list=true")).json.data, { keys: ["a/"] })
      assert.deepStrictEqual((await ask(vault, "GET", "kv/a?list=true")).json.data, { keys: ["b"] })
      assert.strictEqual((await ask(vault, "DELETE", "kv/a/b")).status, 204)
      assert.strictEqual((await ask(vault, "DELETE", "kv/a/b")).status, 204)
      assert.strictEqual((await ask(vault, "GET", "kv/a/b")).status, 404)
      const empty = await ask(vault, "POST", "kv/a/b", { body: {} })
      assert.deepStrictEqual([empty.status, empty.json.errors], [400, ["missing data fields"]])
    })
  })

  describe("mounts", () => {
    documented("says what is mounted where", async (vault) => {
      vault.mount("team/app/kv", { type: "kv", version: 2 })
      vault.mount("transit", { type: "transit" })
      const found = async (path: string) => {
        const {
          path: mount,
          options,
          type
        } = (await ask(vault, "GET", `sys/internal/ui/mounts/${path}`)).json.data
        return { mount, options, type }
      }
      assert.deepStrictEqual(await found("secret"), {
        mount: "secret/",
        options: { version: "2" },
        type: "kv"
      })
      assert.deepStrictEqual(await found("kv/some/path"), {
        mount: "kv/",
        options: { version: "1" },
        type: "kv"
      })
      assert.deepStrictEqual(await found("team/app/kv/x/y"), {
        mount: "team/app/kv/",
        options: { version: "2" },
        type: "kv"
      })
      assert.deepStrictEqual(await found("transit/"), { mount: "transit/", options: null, type: "transit" })
    })

    documented("enables engines and removes them with all that they hold", async (vault) => {
      const enable = (version: string) =>
        ask(vault, "POST", "sys/mounts/own/kv", { body: { type: "kv", options: { version } } })
      assert.strictEqual((await enable("2")).status, 204)
      await put(vault, "own/kv/data/x", { a: "1" })
      assert.match((await enable("1")).json.errors?.[0] ?? "", /already in use at own\/kv\//)
      assert.strictEqual((await ask(vault, "DELETE", "sys/mounts/own/kv")).status, 204)
      assert.strictEqual((await enable("1")).status, 204)
      assert.strictEqual((await ask(vault, "GET", "own/kv/x")).status, 404)
      assert.throws(() => vault.mount("own", { type: "kv", version: 2 }), /already in use/)
    })

    documented("tells no mount from no policy, and a bad token from both", async (vault) => {
      const elsewhere = vault.createToken({ policies: [{ path: "kv/*", capabilities: ["read"] }] })
      const said = (path: string) =>
        `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`
      const none = await ask(vault, "GET", "sys/internal/ui/mounts/nothing/here")
      assert.deepStrictEqual([none.status, none.json.errors], [403, [said("nothing/here")]])
      const hidden = await ask(vault, "GET", "sys/internal/ui/mounts/secret", { token: elsewhere })
      assert.deepStrictEqual([hidden.status, hidden.json.errors], [403, [said("secret")]])
      const below = vault.createToken({ policies: [{ path: "secret/data/a/*", capabilities: ["read"] }] })
      assert.strictEqual(
        (await ask(vault, "GET", "sys/internal/ui/mounts/secret", { token: below })).status,
        200
      )
      const bad = await ask(vault, "GET", "sys/internal/ui/mounts/secret", { token: "wrong" })
      assert.deepStrictEqual([bad.status, bad.json.errors], [403, ["permission denied"]])
    })

    documented("has no route where nothing is mounted, and none of ours in another engine", async (vault) => {
      vault.mount("transit", { type: "transit" })
      const nothing = await ask(vault, "GET", "nothing/x")
      assert.deepStrictEqual(
        [nothing.status, nothing.json.errors],
        [404, [`no handler for route "nothing/x". route entry not found.`]]
      )
      assert.strictEqual((await ask(vault, "GET", "transit/data/x")).status, 404)
      assert.throws(() => vault.mount("secret/inner", { type: "kv", version: 1 }), /already in use/)
    })
  })

  describe("tokens and policies", () => {
    documented("answers alike for a token that is wrong, missing, revoked or expired", async (vault) => {
      const expired = vault.createToken({ ttlSeconds: 10 })
      const revoked = vault.createToken()
      vault.revoke(revoked)
      assert.isTrue(vault.isLive(expired))
      vault.advance(10_000)
      assert.isFalse(vault.isLive(expired))
      for (const token of ["", "wrong", expired, revoked]) {
        for (const path of ["secret/data/x", "auth/token/lookup-self", "nothing/x"]) {
          const answer = await ask(vault, "GET", path, { token })
          assert.deepStrictEqual([answer.status, answer.json], [403, { errors: ["permission denied"] }])
        }
      }
    })

    documented("takes the token as a bearer as well", async (vault) => {
      const answer = await ask(vault, "GET", "auth/token/lookup-self", {
        token: "",
        headers: { authorization: `Bearer ${vault.rootToken}` }
      })
      assert.strictEqual(answer.json.data.id, vault.rootToken)
    })

    documented("lets the most specific rule decide", async (vault) => {
      const token = vault.createToken({
        policies: [
          { path: "secret/data/*", capabilities: ["read"] },
          { path: "secret/data/app/*", capabilities: ["create", "update"] },
          { path: "secret/data/app/hidden", capabilities: ["read", "deny"] },
          { path: "secret/data/+/shared", capabilities: ["delete"] },
          { path: "secret/metadata/app/", capabilities: ["list"] }
        ]
      })
      const status = async (method: string, path: string, body?: Fields) =>
        (await ask(vault, method, path, { token, ...(body === undefined ? {} : { body }) })).status
      const data = { data: {} }
      assert.strictEqual(await status("POST", "secret/data/app/x", data), 200)
      assert.strictEqual(await status("GET", "secret/data/app/x"), 403)
      assert.strictEqual(await status("GET", "secret/data/other"), 404)
      assert.strictEqual(await status("POST", "secret/data/other", data), 403)
      assert.strictEqual(await status("GET", "secret/data/app/hidden"), 403)
      assert.strictEqual(await status("DELETE", "secret/data/team/shared"), 204)
      assert.strictEqual(await status("GET", "secret/data/team/shared"), 403)
      assert.strictEqual(await status("GET", "secret/metadata/app?list=true"), 200)
      assert.strictEqual(await status("GET", "secret/metadata?list=true"), 403)
      const denied = await ask(vault, "GET", "secret/data/app/x", { token })
      assert.deepStrictEqual(denied.json.errors, ["1 error occurred:\n\t* permission denied\n\n"])
    })

    documented("needs create for what is new and update for what is there", async (vault) => {
      for (const [prefix, body] of [
        ["secret/data", { data: { a: "1" } }],
        ["kv", { a: "1" }]
      ] as const) {
        const creator = vault.createToken({ policies: [{ path: `${prefix}/*`, capabilities: ["create"] }] })
        const updater = vault.createToken({ policies: [{ path: `${prefix}/*`, capabilities: ["update"] }] })
        const write = async (token: string) =>
          (await ask(vault, "POST", `${prefix}/x`, { token, body })).status
        assert.strictEqual(await write(updater), 403)
        assert.isBelow(await write(creator), 300)
        assert.strictEqual(await write(creator), 403)
        assert.isBelow(await write(updater), 300)
      }
    })

    documented(
      "looks itself up",
      async (vault) => {
        const token = vault.createToken({ policies: [], ttlSeconds: 100, renewable: true })
        vault.advance(40_000)
        const { data } = (await ask(vault, "GET", "auth/token/lookup-self", { token })).json
        assert.deepStrictEqual([data.id, data.creation_ttl, data.renewable], [token, 100, true])
        assert.strictEqual(data.ttl, 60)
        assert.match(data.expire_time, /Z$/)
        const root = (await ask(vault, "GET", "auth/token/lookup-self")).json.data
        assert.deepStrictEqual([root.ttl, root.expire_time, root.policies], [0, null, ["root"]])
        const silent = vault.createToken({ policies: [], noDefaultPolicy: true })
        assert.strictEqual((await ask(vault, "GET", "auth/token/lookup-self", { token: silent })).status, 403)
      },
      stopped
    )

    documented(
      "renews itself as long as it may",
      async (vault) => {
        const token = vault.createToken({ ttlSeconds: 100, renewable: true, explicitMaxTtlSeconds: 150 })
        const renew = (body?: Fields) =>
          ask(vault, "POST", "auth/token/renew-self", { token, ...(body === undefined ? {} : { body }) })
        vault.advance(20_000)
        const once = await renew()
        assert.strictEqual(once.status, 200)
        assert.deepStrictEqual(
          [once.json.auth.client_token, once.json.auth.renewable, once.json.auth.lease_duration],
          [token, true, 100]
        )
        const capped = await renew({ increment: "1h" })
        assert.strictEqual(capped.json.auth.lease_duration, 130)
        assert.match(capped.json.warnings?.[0] ?? "", /TTL value is capped/)
        assert.strictEqual((await renew({ increment: 30 })).json.auth.lease_duration, 30)
        vault.advance(30_000)
        assert.strictEqual((await renew()).status, 403)
      },
      stopped
    )

    documented("renews no token that is not renewable", async (vault) => {
      for (const [token, said] of [
        [vault.createToken({ ttlSeconds: 100 }), "lease is not renewable"],
        [vault.createToken({ ttlSeconds: 100, isBatch: true }), "batch tokens cannot be renewed"],
        [vault.rootToken, "invalid lease ID"]
      ] as const) {
        const answer = await ask(vault, "POST", "auth/token/renew-self", { token })
        assert.deepStrictEqual([answer.status, answer.json.errors], [400, [said]])
      }
    })

    documented("revokes itself", async (vault) => {
      const token = vault.createToken()
      assert.strictEqual((await ask(vault, "POST", "auth/token/revoke-self", { token })).status, 204)
      assert.isFalse(vault.isLive(token))
    })
  })

  describe("logins", () => {
    const logIn = (vault: VaultServer, mount: string, body: Fields) =>
      ask(vault, "POST", `auth/${mount}/login`, { token: "", body })

    documented("by role and secret ID, at any mount, as often as the secret allows", async (vault) => {
      const token = { ttlSeconds: 60, renewable: true, policies: [] }
      vault.login({ type: "approle", roleId: "r", secretId: "s", secretIdUses: 1, token })
      vault.login({ type: "approle", roleId: "r2", secretId: "s2", mount: "team/app" })
      const first = await logIn(vault, "approle", { role_id: "r", secret_id: "s" })
      assert.strictEqual(first.status, 200)
      const { client_token, lease_duration, renewable } = first.json.auth
      assert.deepStrictEqual([lease_duration, renewable, vault.isLive(client_token)], [60, true, true])
      const known = await ask(vault, "GET", "auth/token/lookup-self", { token: client_token })
      assert.strictEqual(known.json.data.path, "auth/approle/login")
      for (const body of [
        { role_id: "r", secret_id: "s" },
        { role_id: "r", secret_id: "wrong" },
        { role_id: "r2", secret_id: "s2" }
      ]) {
        const refused = await logIn(vault, "approle", body)
        assert.deepStrictEqual([refused.status, refused.json.errors], [400, ["invalid role or secret ID"]])
      }
      assert.strictEqual((await logIn(vault, "team/app", { role_id: "r2", secret_id: "s2" })).status, 200)
      assert.deepStrictEqual((await logIn(vault, "approle", { role_id: "r" })).json.errors, [
        "missing secret_id"
      ])
    })

    documented("by JWT and by Kubernetes, each with its own refusals", async (vault) => {
      vault.login({ type: "jwt", role: "app", jwt: "a.b.c" })
      vault.login({ type: "kubernetes", role: "pod", jwt: "d.e.f", mount: "k8s" })
      assert.strictEqual((await logIn(vault, "jwt", { role: "app", jwt: "a.b.c" })).status, 200)
      assert.strictEqual((await logIn(vault, "k8s", { role: "pod", jwt: "d.e.f" })).status, 200)
      const refused = async (mount: string, body: Fields) => {
        const { json, status } = await logIn(vault, mount, body)
        return [status, json.errors?.[0]]
      }
      const [status, said] = await refused("jwt", { role: "app", jwt: "wrong" })
      assert.strictEqual(status, 400)
      assert.match(String(said), /^error validating token: /)
      assert.deepStrictEqual(await refused("jwt", { role: "no", jwt: "a.b.c" }), [
        400,
        'role "no" could not be found'
      ])
      assert.deepStrictEqual(await refused("k8s", { role: "pod", jwt: "wrong" }), [403, "permission denied"])
      assert.deepStrictEqual(await refused("k8s", { role: "no", jwt: "d.e.f" }), [
        400,
        'invalid role name "no"'
      ])
      assert.deepStrictEqual(await refused("k8s", { role: "pod" }), [400, "missing jwt"])
      assert.deepStrictEqual(await refused("nowhere", { role: "pod" }), [403, "permission denied"])
    })
  })

  describe("namespaces", () => {
    documented(
      "have their own mounts, and tokens that reach down but not up",
      async (vault) => {
        const inside = { "x-vault-namespace": "team/one/" }
        const write = { body: { data: { a: "1" } }, headers: inside }
        assert.strictEqual((await ask(vault, "POST", "secret/data/x", write)).status, 200)
        assert.deepStrictEqual(vault.paths("secret", "team/one"), ["x"])
        assert.strictEqual((await ask(vault, "GET", "secret/data/x")).status, 404)
        assert.strictEqual((await ask(vault, "GET", "team/one/secret/data/x")).status, 200)
        const token = vault.createToken({ namespace: "team" })
        const status = async (namespace: string) =>
          (
            await ask(vault, "GET", "secret/data/x", {
              token,
              headers: namespace === "" ? {} : { "x-vault-namespace": namespace }
            })
          ).status
        assert.deepStrictEqual(
          [await status("team/one"), await status("team"), await status("team/two"), await status("")],
          [200, 404, 404, 403]
        )
        const unknown = await ask(vault, "GET", "secret/data/x", { headers: { "x-vault-namespace": "no" } })
        assert.strictEqual(unknown.status, 404)
        assert.strictEqual(vault.requests[0]?.namespace, "team/one")
      },
      { namespaces: ["team/one", "team/two"] }
    )

    documented(
      "are part of what a policy above them covers",
      async (vault) => {
        const token = vault.createToken({ policies: [{ path: "team/secret/*", capabilities: ["create"] }] })
        const asked = { token, headers: { "x-vault-namespace": "team" }, body: { data: {} } }
        assert.strictEqual((await ask(vault, "POST", "secret/data/x", asked)).status, 200)
        assert.strictEqual(
          (await ask(vault, "POST", "secret/data/x", { token, body: { data: {} } })).status,
          403
        )
      },
      { namespaces: ["team"] }
    )
  })

  describe("strictness", () => {
    const sloppy: ReadonlyArray<readonly [string, number, RegExp, (vault: VaultServer) => Promise<number>]> =
      [
        [
          "an unknown route",
          404,
          /^GET sys\/mounts: unknown route$/,
          async (vault) => (await ask(vault, "GET", "sys/mounts")).status
        ],
        [
          "an unknown method",
          405,
          /^PATCH secret\/data\/x: the route has no such method$/,
          async (vault) => (await ask(vault, "PATCH", "secret/data/x")).status
        ],
        ["a path outside of the API", 404, /outside of \/v1$/, (vault) => askRaw(vault, "/ui/")],
        [
          "an unknown field",
          400,
          /no field extra$/,
          async (vault) =>
            (await ask(vault, "POST", "secret/data/x", { body: { data: {}, extra: 1 } })).status
        ],
        [
          "an unknown option",
          400,
          /no field CAS$/,
          async (vault) =>
            (await ask(vault, "POST", "secret/data/x", { body: { data: {}, options: { CAS: 1 } } })).status
        ],
        [
          "a field of another kind",
          400,
          /cas is no integer$/,
          async (vault) =>
            (await ask(vault, "POST", "secret/data/x", { body: { data: {}, options: { cas: "0" } } })).status
        ],
        [
          "a credential that is no string",
          400,
          /role_id is no string$/,
          async (vault) => {
            vault.login({ type: "approle", roleId: "r", secretId: "s" })
            return (await ask(vault, "POST", "auth/approle/login", { body: { role_id: 1, secret_id: "s" } }))
              .status
          }
        ],
        [
          "a body that is not said to be JSON",
          400,
          /not said to be application\/json$/,
          async (vault) =>
            (
              await ask(vault, "POST", "kv/x", {
                body: "{}",
                headers: { "content-type": "application/x-www-form-urlencoded" }
              })
            ).status
        ],
        [
          "a body that is no JSON",
          400,
          /the body is no JSON$/,
          async (vault) => (await ask(vault, "POST", "kv/x", { body: "{" })).status
        ],
        [
          "a body that is no object",
          400,
          /the body is no object$/,
          async (vault) => (await ask(vault, "POST", "kv/x", { body: [1] })).status
        ],
        [
          "a body where none is due",
          400,
          /a body where none is due$/,
          async (vault) => (await ask(vault, "DELETE", "kv/x", { body: {} })).status
        ],
        [
          "no X-Vault-Request",
          412,
          /no X-Vault-Request: true$/,
          async (vault) => (await ask(vault, "GET", "kv/x", { headers: { "x-vault-request": "" } })).status
        ],
        [
          "an unknown parameter",
          400,
          /no parameter v$/,
          async (vault) => (await ask(vault, "GET", "secret/data/x?v=1")).status
        ],
        [
          "a list of something else than true",
          400,
          /no parameter list$/,
          (vault) => askRaw(vault, "/v1/kv?list=1")
        ],
        [
          "a parameter twice",
          400,
          /version comes twice$/,
          (vault) => askRaw(vault, "/v1/secret/data/x?version=1&version=2")
        ],
        [
          "dot segments",
          400,
          /dot segments$/,
          (vault) => askRaw(vault, "/v1/secret/data/../../sys/seal-status")
        ],
        ["encoded dot segments", 400, /dot segments$/, (vault) => askRaw(vault, "/v1/secret/data/%2E%2e/x")],
        ["an empty segment", 400, /an empty segment$/, (vault) => askRaw(vault, "/v1/secret//data/x")],
        ["a path that is not encoded", 400, /not encoded$/, (vault) => askRaw(vault, "/v1/secret/data/a|b")],
        ["a stray percent sign", 400, /not encoded$/, (vault) => askRaw(vault, "/v1/secret/data/100%")],
        ["a path that is no UTF-8", 400, /no UTF-8$/, (vault) => askRaw(vault, "/v1/secret/data/%ff")],
        ["control characters", 400, /unprintable/, (vault) => askRaw(vault, "/v1/secret/data/a%0Ab")],
        ["a period at the end", 404, /ends in a period$/, (vault) => askRaw(vault, "/v1/secret/data/a.")],
        ["a slash at the end", 404, /ends in a slash$/, (vault) => askRaw(vault, "/v1/secret/data/a/")],
        ["the method LIST, which Node cannot parse", 400, /HPE_/, (vault) => askRaw(vault, "/v1/kv", "LIST")]
      ]
    for (const [name, expected, complaint, send] of sloppy) {
      it(`refuses ${name}, and takes a note`, () =>
        withVault({}, async (vault) => {
          assert.strictEqual(await send(vault), expected)
          assert.strictEqual(vault.violations.length, 1)
          assert.match(vault.violations[0] ?? "", complaint)
        }))
    }

    documented("records requests without their secrets", async (vault) => {
      await ask(vault, "GET", "secret/metadata/a%20b?list=true")
      await ask(vault, "POST", "kv/x", { token: "very-secret", body: { a: "very-secret" } })
      await ask(vault, "GET", "sys/health", { token: "" })
      const at = vault.requests.map((request) => request.at)
      assert.deepStrictEqual(
        vault.requests.map(({ hadToken, method, namespace, path }) => [method, path, namespace, hadToken]),
        [
          ["LIST", "secret/metadata/a%20b", "", true],
          ["POST", "kv/x", "", true],
          ["GET", "sys/health", "", false]
        ]
      )
      assert.isTrue(at.every((time) => Math.abs(time - vault.now()) < 60_000))
      assert.notInclude(JSON.stringify(vault.requests), "very-secret")
    })
  })

  describe("its state", () => {
    const health = async (vault: VaultServer, query = "") =>
      (await ask(vault, "GET", `sys/health${query}`, { token: "" })).status

    documented("sealed, it answers only how it is", async (vault) => {
      vault.write("secret", "x", { a: "1" })
      assert.strictEqual(await health(vault), 200)
      vault.seal()
      const answer = await ask(vault, "GET", "secret/data/x")
      assert.deepStrictEqual([answer.status, answer.json], [503, { errors: ["Vault is sealed"] }])
      assert.strictEqual(await health(vault), 503)
      assert.strictEqual(await health(vault, "?sealedcode=299"), 299)
      assert.isTrue((await ask(vault, "GET", "sys/seal-status", { token: "" })).json["sealed"])
      vault.unseal()
      assert.deepStrictEqual((await ask(vault, "GET", "secret/data/x")).json.data.data, { a: "1" })
    })

    documented("as a standby it redirects to its leader, or has none", async (vault) => {
      vault.standby("http://127.0.0.1:1")
      const there = await ask(vault, "GET", "secret/data/x?version=1")
      assert.deepStrictEqual(
        [there.status, there.headers.get("location")],
        [307, "http://127.0.0.1:1/v1/secret/data/x?version=1"]
      )
      assert.strictEqual(await health(vault), 429)
      assert.strictEqual(await health(vault, "?standbyok=true"), 200)
      vault.standby()
      const alone = await ask(vault, "GET", "secret/data/x")
      assert.deepStrictEqual([alone.status, alone.json.errors], [503, ["node is not active"]])
      vault.activate()
      assert.strictEqual((await ask(vault, "GET", "secret/data/x")).status, 404)
    })

    documented(
      "redirects to a leader that was killed for a while, and then knows none",
      async (vault) => {
        vault.standby("http://127.0.0.1:1", 10_000)
        assert.strictEqual((await ask(vault, "GET", "secret/data/x")).status, 307)
        vault.advance(10_000)
        const alone = await ask(vault, "GET", "secret/data/x")
        const said = "local node not active but active cluster node not found"
        assert.deepStrictEqual([alone.status, alone.json.errors], [500, [said]])
      },
      stopped
    )

    documented("has standbys that are behind until they catch up", async (vault) => {
      const standby = await vault.startStandby()
      const there = { ...vault, url: standby.url }
      await put(vault, "secret/data/x", { a: "1" })
      assert.strictEqual((await ask(there, "GET", "secret/data/x")).status, 404)
      const late = await ask(there, "POST", "secret/data/x", { body: { data: {}, options: { cas: 1 } } })
      assert.strictEqual(late.status, 400)
      standby.catchUp()
      assert.deepStrictEqual((await ask(there, "GET", "secret/data/x")).json.data.data, { a: "1" })
      await ask(there, "POST", "secret/data/x", { body: { data: { a: "2" }, options: { cas: 1 } } })
      assert.deepStrictEqual((await ask(vault, "GET", "secret/data/x")).json.data.data, { a: "2" })
      assert.deepStrictEqual((await ask(there, "GET", "secret/data/x")).json.data.data, { a: "1" })
      await standby.close()
    })

    documented("outlives a restart", async (vault) => {
      await ask(vault, "POST", "kv/x", { body: { a: "1" } })
      await vault.close()
      await failureOf(ask(vault, "GET", "kv/x"))
      await vault.listen()
      assert.deepStrictEqual((await ask(vault, "GET", "kv/x")).json.data, { a: "1" })
    })
  })

  describe("faults", () => {
    documented("that answer instead, each in its own way", async (vault) => {
      const expected: ReadonlyArray<readonly [Parameters<VaultServer["fault"]>[0], number, string]> = [
        ["429", 429, `request path \\"kv/x\\": rate limit quota exceeded`],
        ["500", 500, "internal error"],
        ["502", 502, "<html>"],
        ["sealed", 503, "Vault is sealed"],
        ["412", 412, "required index state"],
        ["472", 472, "errors"],
        ["473", 473, "errors"],
        ["upgrading", 400, "will resume service shortly."],
        ["bad JSON", 200, '{"request_id":"0']
      ]
      for (const [kind, status, text] of expected) {
        vault.fault(kind)
        const answer = await ask(vault, "POST", "kv/x", { body: { a: kind } })
        assert.strictEqual(answer.status, status, kind)
        assert.include(answer.text, text)
        assert.isNotNull(answer.headers.get("date"))
        assert.isNull(answer.headers.get("retry-after"))
        assert.deepStrictEqual(vault.paths("kv"), [])
      }
      assert.strictEqual((await ask(vault, "POST", "kv/x", { body: { a: "1" } })).status, 204)
    })

    documented("strike as often and where they are told to", async (vault) => {
      const fault = vault.fault("500", { times: 2, match: /^GET kv\/b/ })
      const statuses = []
      for (const name of ["a", "b", "a", "b", "b"]) {
        statuses.push((await ask(vault, "GET", `kv/${name}`)).status)
      }
      assert.deepStrictEqual(statuses, [404, 500, 404, 500, 404])
      assert.strictEqual(fault.met(), 2)
      const endless = vault.fault("500", { times: Number.POSITIVE_INFINITY })
      assert.strictEqual((await ask(vault, "GET", "kv/a")).status, 500)
      endless.stop()
      assert.strictEqual((await ask(vault, "GET", "kv/a")).status, 404)
    })

    documented("say when to come back, and where to go", async (vault) => {
      vault.fault("429", { retryAfter: 7 })
      assert.strictEqual((await ask(vault, "GET", "kv/x")).headers.get("retry-after"), "7")
      vault.fault("redirect", { to: new URL("https://leader.example:8200") })
      const there = await ask(vault, "GET", "kv/x?list=true")
      assert.strictEqual(there.status, 307)
      assert.strictEqual(there.headers.get("location"), "https://leader.example:8200/v1/kv/x?list=true")
    })

    documented("drop the connection before or after the work", async (vault) => {
      vault.fault("drop")
      await failureOf(ask(vault, "POST", "kv/x", { body: { a: "1" } }))
      assert.deepStrictEqual(vault.paths("kv"), [])
      vault.fault("drop after")
      await failureOf(ask(vault, "POST", "kv/x", { body: { a: "1" } }))
      assert.deepStrictEqual(vault.paths("kv"), ["x"])
    })

    documented("hold a request until it is released", async (vault) => {
      const fault = vault.fault("delay")
      const answer = ask(vault, "POST", "kv/x", { body: { a: "1" } })
      await fault.arrived
      assert.deepStrictEqual(vault.paths("kv"), [])
      fault.release()
      assert.strictEqual((await answer).status, 204)
      assert.deepStrictEqual(vault.paths("kv"), ["x"])
    })

    documented("hold an answer until it is released", async (vault) => {
      const fault = vault.fault("delay after")
      const other = vault.fault("delay", { match: /^GET/, milliseconds: 1 })
      let answered = false
      const answer = ask(vault, "POST", "kv/x", { body: { a: "1" } }).finally(() => {
        answered = true
      })
      await fault.arrived
      assert.deepStrictEqual((await ask(vault, "GET", "kv/x")).json.data, { a: "1" })
      assert.isFalse(answered)
      fault.release()
      assert.strictEqual((await answer).status, 204)
      assert.strictEqual(other.met(), 1)
    })

    documented("leave undone what nobody waits for any more", async (vault) => {
      const fault = vault.fault("delay")
      const giveUp = new AbortController()
      const failed = failureOf(ask(vault, "POST", "kv/x", { body: { a: "1" }, signal: giveUp.signal }))
      await fault.arrived
      giveUp.abort()
      await failed
      await vault.close()
      await vault.listen()
      fault.release()
      assert.strictEqual((await ask(vault, "GET", "kv/x")).status, 404)
    })

    documented("let somebody else write first", async (vault) => {
      await put(vault, "secret/data/x", { a: "1" }, 0)
      const conflict = vault.fault("conflict")
      await ask(vault, "GET", "secret/data/x")
      assert.strictEqual(conflict.met(), 0)
      const late = await put(vault, "secret/data/x", { a: "2" }, 1)
      assert.deepStrictEqual([late.status, late.json.errors], [400, [mismatch]])
      const read = await ask(vault, "GET", "secret/data/x")
      assert.deepStrictEqual(read.json.data.data, { a: "1", written_by: "another" })
      vault.fault("conflict", { write: () => ({ b: "theirs" }) })
      assert.strictEqual((await put(vault, "secret/data/x", { a: "3" }, 2)).status, 400)
      assert.strictEqual((await put(vault, "secret/data/x", { a: "3" }, 3)).json.data.version, 4)
    })

    documented("never end a body", async (vault) => {
      vault.fault("endless")
      const response = await fetch(new URL("/v1/kv/x", vault.url), {
        headers: { "x-vault-request": "true", "x-vault-token": vault.rootToken }
      })
      assert.strictEqual(response.status, 200)
      const reader = response.body!.getReader()
      let size = 0
      while (size < 8 * 1024 * 1024) {
        const { done, value } = await reader.read()
        if (done) assert.fail("it ended")
        size += value.length
      }
      await reader.cancel()
      assert.strictEqual((await ask(vault, "GET", "kv/x")).status, 404)
    })
  })

  it("speaks TLS, and asks for a client's certificate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vault-server-"))
    try {
      const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")]
      execFileSync(
        "openssl",
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout ${keyFile} -out ${certFile}`.split(
          " "
        ),
        { stdio: "ignore" }
      )
      const [key, cert] = [readFileSync(keyFile, "utf8"), readFileSync(certFile, "utf8")]
      const get = (url: URL, options: RequestOptions): Promise<number> =>
        new Promise((resolve, reject) => {
          const headers = { "x-vault-request": "true" }
          const target = new URL("/v1/sys/health", url)
          secureRequest(target, { ca: cert, agent: false, headers, ...options }, (response) => {
            response.resume()
            resolve(response.statusCode ?? 0)
          })
            .once("error", reject)
            .end()
        })
      await withVault({ tls: { key, cert } }, async (vault) => {
        assert.strictEqual(vault.url.protocol, "https:")
        assert.strictEqual(await get(vault.url, {}), 200)
      })
      await withVault({ tls: { key, cert }, requestClientCert: { ca: cert } }, async (vault) => {
        await failureOf(get(vault.url, {}))
        assert.strictEqual(await get(vault.url, { key, cert }), 200)
        assert.deepStrictEqual(vault.violations, [])
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
