/** Who sends a request: a token by its name in the test. */
export type Sender =
  | "root"
  | "nobody"
  | "unknown"
  | "reader"
  | "writer"
  | "lister"
  | "denied"
  | "bare"
  | "expired"
  | "batch"
  | "few"

/** A request of the differential test. */
export type Row = readonly [
  method: "GET" | "LIST" | "POST" | "PUT" | "DELETE" | "PATCH",
  path: string,
  body?: object | undefined,
  by?: Sender,
  headers?: Readonly<Record<string, string>>
]

const data = (fields: object, cas?: number) => ({
  data: fields,
  ...(cas === undefined ? {} : { options: { cas } })
})

/** Records of an engine of version 2. */
const versioned: ReadonlyArray<Row> = [
  ["GET", "secret/data/a"],
  ["GET", "secret/metadata/a"],
  ["LIST", "secret/metadata/"],
  ["LIST", "secret/metadata"],
  ["GET", "secret/metadata?list=true"],
  ["POST", "secret/metadata/a", { max_versions: 1 }],
  ["GET", "secret/metadata/a"],
  ["GET", "secret/data/a"],
  ["POST", "secret/data/a", data({ x: "1" }, 0)],
  ["POST", "secret/data/a", data({ x: "2" }, 0)],
  ["POST", "secret/data/a", data({ x: "2" }, 7)],
  ["POST", "secret/data/a", data({ x: "2" }, 1)],
  ["PUT", "secret/data/a", data({ x: "3" }, 2)],
  ["GET", "secret/data/a"],
  ["GET", "secret/data/a?version=1"],
  ["GET", "secret/data/a?version=3"],
  ["GET", "secret/data/a?version=9"],
  ["GET", "secret/metadata/a"],
  ["LIST", "secret/metadata/"],
  ["POST", "secret/data/deep/b", data({ x: "1" })],
  ["LIST", "secret/metadata/"],
  ["LIST", "secret/metadata/deep"],
  ["LIST", "secret/metadata/deep/"],
  ["LIST", "secret/metadata/nowhere"],
  ["LIST", "secret/metadata/a"],
  ["POST", "secret/data/a", {}],
  ["POST", "secret/data/a", data({})],
  ["DELETE", "secret/data/a"],
  ["GET", "secret/data/a"],
  ["GET", "secret/metadata/a"],
  ["POST", "secret/data/a", data({ x: "5" }, 4)],
  ["GET", "secret/data/a"],
  ["POST", "secret/destroy/a", { versions: [5] }],
  ["GET", "secret/data/a"],
  ["POST", "secret/destroy/a", { versions: [99] }],
  ["POST", "secret/destroy/nothing", { versions: [1] }],
  ["POST", "secret/destroy/a", { versions: [] }],
  ["POST", "secret/undelete/a", { versions: [5] }],
  ["POST", "secret/delete/a", { versions: [5] }],
  ["DELETE", "secret/metadata/a"],
  ["DELETE", "secret/metadata/a"],
  ["GET", "secret/metadata/a"],
  ["POST", "secret/data/a", data({ x: "1" }, 1)],
  ["POST", "secret/data/a", data({ x: "1" }, 0)],
  ["DELETE", "secret/metadata/a"],
  ["POST", "secret/metadata/c", { cas_required: true }],
  ["POST", "secret/data/c", data({ x: "1" })],
  ["POST", "secret/data/c", data({ x: "1" }, 0)],
  ["DELETE", "secret/metadata/c"],
  ["POST", "secret/metadata/c", { custom_metadata: { owner: "me" } }],
  ["GET", "secret/metadata/c"],
  ["DELETE", "secret/metadata/c"],
  ["POST", "strict/data/a", data({ x: "1" })],
  ["POST", "strict/data/a", data({ x: "1" }, 0)],
  ["POST", "strict/metadata/b", { cas_required: false }],
  ["DELETE", "secret/metadata/deep/b"]
]

/** Paths that an engine of version 2 does not have. */
const wrongPaths: ReadonlyArray<Row> = [
  ["GET", "secret/a"],
  ["LIST", "secret/a"],
  ["LIST", "secret/"],
  ["POST", "secret/a", { x: "1" }],
  ["DELETE", "secret/a"],
  ["GET", "secret/a/data/b"],
  ["LIST", "secret/data/"],
  ["LIST", "secret/data/a"],
  ["GET", "secret/data"],
  ["GET", "secret/metadata"],
  ["GET", "secret"],
  ["GET", "nowhere/data/a"],
  ["POST", "nowhere/data/a", data({ x: "1" })],
  ["GET", "sys/internal/ui/mounts/nowhere"],
  ["GET", "sys/internal/ui/mounts/secret"],
  ["GET", "sys/internal/ui/mounts/secret/below"],
  ["GET", "sys/internal/ui/mounts/kv"],
  ["GET", "sys/internal/ui/mounts/secret", undefined, "nobody"],
  ["GET", "sys/internal/ui/mounts/secret", undefined, "reader"],
  ["GET", "sys/internal/ui/mounts/secret", undefined, "denied"]
]

/** Records of an engine of version 1. */
const unversioned: ReadonlyArray<Row> = [
  ["GET", "kv/a"],
  ["LIST", "kv/"],
  ["LIST", "kv"],
  ["POST", "kv/a", { x: "1" }],
  ["GET", "kv/a"],
  ["PUT", "kv/deep/b", { x: "2" }],
  ["LIST", "kv/"],
  ["GET", "kv?list=true"],
  ["LIST", "kv/deep"],
  ["LIST", "kv/nowhere"],
  ["POST", "kv/a", {}],
  ["GET", "kv/data/a"],
  ["LIST", "kv/metadata/"],
  ["DELETE", "kv/metadata/a"],
  ["DELETE", "kv/a"],
  ["DELETE", "kv/a"],
  ["GET", "kv/a"],
  ["DELETE", "kv/deep/b"]
]

/** Tokens, and what they may. */
const tokens: ReadonlyArray<Row> = [
  ["GET", "secret/data/a", undefined, "nobody"],
  ["GET", "secret/data/a", undefined, "unknown"],
  ["GET", "secret/data/a", undefined, "expired"],
  ["GET", "secret/data/a", undefined, "reader"],
  ["POST", "secret/data/a", data({ x: "1" }), "reader"],
  ["LIST", "secret/metadata/", undefined, "reader"],
  ["POST", "secret/data/a", data({ x: "1" }, 0), "writer"],
  ["GET", "secret/data/a", undefined, "writer"],
  ["GET", "secret/data/a", undefined, "reader"],
  ["LIST", "secret/metadata/", undefined, "lister"],
  ["GET", "secret/metadata/a", undefined, "lister"],
  ["DELETE", "secret/metadata/a", undefined, "writer"],
  ["GET", "secret/data/a", undefined, "denied"],
  ["GET", "kv/a", undefined, "reader"],
  ["DELETE", "secret/metadata/a"],
  ["GET", "auth/token/lookup-self"],
  ["GET", "auth/token/lookup-self", undefined, "nobody"],
  ["GET", "auth/token/lookup-self", undefined, "unknown"],
  ["GET", "auth/token/lookup-self", undefined, "expired"],
  ["GET", "auth/token/lookup-self", undefined, "bare"],
  ["GET", "auth/token/lookup-self", undefined, "batch"],
  ["GET", "auth/token/lookup-self", undefined, "few"],
  ["POST", "auth/token/renew-self", {}],
  ["POST", "auth/token/renew-self", {}, "reader"],
  ["POST", "auth/token/renew-self", { increment: "1h" }, "reader"],
  ["POST", "auth/token/renew-self", {}, "batch"],
  ["POST", "auth/token/renew-self", {}, "unknown"],
  ["POST", "auth/token/renew-self", {}, "bare"],
  ["POST", "auth/token/revoke-self", undefined, "batch"],
  ["POST", "auth/token/revoke-self", undefined, "unknown"],
  ["POST", "auth/token/revoke-self", undefined, "lister"],
  ["GET", "auth/token/lookup-self", undefined, "lister"],
  // One use was the look-up above; another is left.
  ["GET", "secret/data/a", undefined, "few"],
  ["GET", "secret/data/a", undefined, "few"]
]

/** Logins. */
const logins = (jwt: string): ReadonlyArray<Row> => [
  ["POST", "auth/approle/login", {}, "nobody"],
  ["POST", "auth/approle/login", { role_id: "role" }, "nobody"],
  ["POST", "auth/approle/login", { role_id: "role", secret_id: "wrong" }, "nobody"],
  ["POST", "auth/approle/login", { role_id: "other", secret_id: "secret" }, "nobody"],
  ["POST", "auth/approle/login", { role_id: "role", secret_id: "secret" }, "nobody"],
  ["POST", "auth/approle/login", { role_id: "role", secret_id: "secret" }, "nobody"],
  ["POST", "auth/approle/login", { role_id: "role", secret_id: "secret" }, "nobody"],
  ["POST", "auth/jwt/login", {}, "nobody"],
  ["POST", "auth/jwt/login", { role: "app" }, "nobody"],
  ["POST", "auth/jwt/login", { role: "other", jwt }, "nobody"],
  ["POST", "auth/jwt/login", { role: "app", jwt: jwt.slice(0, -8) + "AAAAAAAA" }, "nobody"],
  ["POST", "auth/jwt/login", { role: "app", jwt }, "nobody"],
  ["POST", "auth/nowhere/login", { role_id: "role" }, "nobody"],
  ["POST", "auth/nowhere/login", { role_id: "role" }, "unknown"],
  ["POST", "auth/nowhere/login", { role_id: "role" }],
  ["POST", "auth/nowhere/login", { role_id: "role" }, "reader"]
]

/** Namespaces, which a server has or not. */
const namespaces: ReadonlyArray<Row> = [
  ["GET", "secret/data/a", undefined, "root", { "x-vault-namespace": "nowhere" }],
  ["GET", "sys/internal/ui/mounts/secret", undefined, "root", { "x-vault-namespace": "nowhere" }],
  ["POST", "auth/approle/login", { role_id: "role" }, "nobody", { "x-vault-namespace": "nowhere" }],
  ["GET", "secret/data/a", undefined, "root", { "x-vault-namespace": "team" }],
  ["POST", "secret/data/a", data({ x: "1" }, 0), "root", { "x-vault-namespace": "team" }],
  ["GET", "team/secret/data/a"],
  ["GET", "secret/data/a", undefined, "reader", { "x-vault-namespace": "team" }],
  ["GET", "auth/token/lookup-self", undefined, "reader", { "x-vault-namespace": "team" }]
]

/** The requests of the test, in the order in which they are sent. */
export const vaultRequests = (jwt: string): ReadonlyArray<Row> => [
  ...versioned,
  ...wrongPaths,
  ...unversioned,
  ...tokens,
  ...logins(jwt),
  ...namespaces
]
