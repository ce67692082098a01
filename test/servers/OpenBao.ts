import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders, request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import { type AddressInfo, createServer as createTcpServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"
import { setTimeout } from "node:timers/promises"
import { Effect, type Scope } from "effect"
import { fieldOf } from "../../src/adapters/store/vault/JsonFields.ts"
import { serverCache } from "./ServerCache.ts"

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether `scripts/test-servers.sh` has installed the version that is pinned now. */
const isInstalled = (): boolean => {
  const [pinned, installed] = [
    resolve("test/servers/python/openbao.txt"),
    join(serverCache, "openbao", "installed.txt")
  ]
  return isProgram(installed.replace("installed.txt", "bin/bao"))
    ? readFileSync(pinned, "utf8") === readFileSync(installed, "utf8")
    : false
}

/** The server of this machine: `bao` or `vault` on the PATH, or what `scripts/test-servers.sh` has installed. */
export const vaultProgram: string | undefined = (() => {
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const found = ["bao", "vault"].flatMap((name) => folders.map((folder) => join(folder, name)))
  return found.find(isProgram) ?? (isInstalled() ? join(serverCache, "openbao", "bin", "bao") : undefined)
})()

/** A server that runs already, by TEST_VAULT_ADDR and TEST_VAULT_TOKEN. */
const running = (() => {
  const { TEST_VAULT_ADDR: address, TEST_VAULT_TOKEN: token } = process.env
  return address === undefined || token === undefined
    ? undefined
    : { url: new URL(address), rootToken: token }
})()

/** Whether the tests have a real server: without it they are skipped. */
export const hasVault = vaultProgram !== undefined || running !== undefined

/** Whether a server of the tests' own has namespaces: Vault has them only in its Enterprise edition. */
export const hasNamespaces = running === undefined && vaultProgram?.endsWith("bao") === true

/** What a server answers. */
export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The JSON of the body. */
  readonly body: unknown
}

/** How a request is sent. */
export interface AskOptions {
  readonly body?: object
  /** Absent: the root token. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The API of a server. */
export interface LiveVault {
  readonly url: URL
  readonly rootToken: string
  /** Sends a request, to a path below `/v1/`. */
  readonly ask: (method: string, path: string, options?: AskOptions) => Promise<Reply>
  /** As `ask`, for what the test needs: an answer of 400 or more is an error. */
  readonly send: (method: string, path: string, body?: object, namespace?: string) => Promise<Reply>
}

/** A server of its own process. */
export interface VaultNode extends LiveVault {
  readonly seal: () => Promise<void>
  readonly unseal: () => Promise<void>
  /** Ends the process without warning. */
  readonly kill: () => Promise<void>
  /** Starts it again after `kill`, at the same address, with what it has stored on the disk. */
  readonly restart: () => Promise<void>
  readonly pause: () => void
  readonly resume: () => void
}

/** Three nodes that share their storage by raft. */
export interface VaultCluster {
  readonly nodes: ReadonlyArray<VaultNode>
  readonly leader: () => Promise<VaultNode>
  /** A node that is not the leader. */
  readonly standby: () => Promise<VaultNode>
  /** Lets another node become the leader. */
  readonly stepDown: () => Promise<void>
  /** Waits until every node is up and knows the same leader. */
  readonly settled: () => Promise<void>
}

/** How a node serves. */
export interface NodeOptions {
  /** Files: serves HTTPS with this certificate. With `clientCa`, only to clients with a certificate of that authority. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string }
  /** Another configuration of the server, beside its listener and storage. */
  readonly configuration?: object
}

/** Waits for a server, whose changes nothing announces. */
const until = async <A>(what: string, look: () => Promise<A | undefined | false>): Promise<A> => {
  let last: unknown
  for (let attempt = 0; attempt < 1200; attempt++) {
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
    } catch (cause) {
      last = cause
    }
    await setTimeout(25)
  }
  throw new Error(`the server does not get there: ${what}`, { cause: last })
}

const api = (url: URL, keys: { readonly rootToken: string }, tls: NodeOptions["tls"]): LiveVault => {
  const ask: LiveVault["ask"] = (method, path, options = {}) =>
    new Promise((done, reject) => {
      const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(
        new URL(`/v1/${path}`, url),
        {
          method,
          agent: false,
          headers: {
            "x-vault-request": "true",
            "x-vault-token": options.token ?? keys.rootToken,
            ...options.headers,
            ...(options.body === undefined ? {} : { "content-type": "application/json" })
          },
          ...(tls === undefined
            ? {}
            : {
                rejectUnauthorized: false,
                cert: readFileSync(tls.certificate),
                key: readFileSync(tls.key)
              })
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
              body: text.startsWith("{") ? JSON.parse(text) : undefined
            })
          )
        }
      )
      request.once("error", reject)
      request.end(options.body === undefined ? undefined : JSON.stringify(options.body))
    })
  return {
    url,
    get rootToken() {
      return keys.rootToken
    },
    ask,
    send: async (method, path, body, namespace) => {
      const reply = await ask(method, path, {
        ...(body === undefined ? {} : { body }),
        ...(namespace === undefined ? {} : { headers: { "x-vault-namespace": namespace } })
      })
      if (reply.status < 400) return reply
      throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
    }
  }
}

/** Ports that are free now. Another program may take one before the server does: then the start is repeated. */
const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const servers = Array.from({ length: count }, () => createTcpServer())
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, "127.0.0.1", done))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

/** What the nodes of a server share once it is initialised. */
interface Keys {
  unsealKey: string
  rootToken: string
}

/** Where nodes are started, and what ends them. */
interface Place {
  readonly folder: string
  readonly keys: Keys
  readonly closers: Array<() => Promise<void>>
}

/** Starts a process that listens, and is sealed. */
const startNode = async (
  name: string,
  { closers, folder, keys }: Place,
  { configuration, tls }: NodeOptions,
  raft?: object
): Promise<VaultNode> => {
  const [port, clusterPort] = await freePorts(2)
  const url = new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`)
  const path = join(folder, name)
  mkdirSync(path)
  const listener = {
    address: url.host,
    cluster_address: `127.0.0.1:${clusterPort}`,
    ...(tls === undefined ? { tls_disable: true } : {}),
    ...(tls === undefined ? {} : { tls_cert_file: tls.certificate, tls_key_file: tls.key }),
    ...(tls?.clientCa === undefined
      ? {}
      : { tls_require_and_verify_client_cert: true, tls_client_ca_file: tls.clientCa })
  }
  const file = join(folder, `${name}.json`)
  const settings = {
    storage: raft === undefined ? { inmem: {} } : { raft: { path, node_id: name, ...raft } },
    listener: { tcp: listener },
    api_addr: url.origin,
    cluster_addr: `https://127.0.0.1:${clusterPort}`,
    disable_mlock: true,
    ...configuration
  }
  writeFileSync(file, JSON.stringify(settings))
  const vault = api(url, keys, tls)
  let child: ChildProcess | undefined
  let output = ""
  const hasEnded = () => child === undefined || child.exitCode !== null || child.signalCode !== null
  const start = async () => {
    child = spawn(vaultProgram ?? "bao", ["server", `-config=${file}`], {
      stdio: ["ignore", "pipe", "pipe"],
      // A node that joins may vote at once, and not after the ten seconds of the autopilot.
      env: {
        ...process.env,
        HOME: folder,
        BAO_RAFT_AUTOPILOT_DISABLE: "true",
        VAULT_RAFT_AUTOPILOT_DISABLE: "true"
      }
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-4000)
      })
    }
    await until(`${name} listens`, async () => {
      return hasEnded() || (await vault.ask("GET", "sys/seal-status")).status === 200
    })
    if (hasEnded()) throw new Error(`${name} ended: ${output}`)
  }
  const kill = async () => {
    if (hasEnded()) return
    const ended = new Promise((done) => child?.once("exit", done))
    child?.kill("SIGKILL")
    await ended
  }
  const unseal = async () => {
    await until(`${name} is unsealed`, async () => {
      const { status } = await vault.ask("POST", "sys/unseal", { body: { key: keys.unsealKey } })
      return status === 200 && fieldOf((await vault.ask("GET", "sys/seal-status")).body, "sealed") === false
    })
    // 200: active; 429: standby; 473: performance standby.
    await until(`${name} serves`, async () =>
      [200, 429, 473].includes((await vault.ask("GET", "sys/health")).status)
    )
  }
  closers.push(kill)
  await start()
  return {
    ...vault,
    get rootToken() {
      return keys.rootToken
    },
    seal: async () => void (await vault.send("POST", "sys/seal")),
    unseal,
    kill,
    restart: async () => {
      await start()
      await unseal()
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT")
  }
}

const initialise = async (node: VaultNode, keys: Keys) => {
  const { body } = await node.send("POST", "sys/init", { secret_shares: 1, secret_threshold: 1 })
  keys.unsealKey = String(fieldOf(body, "keys", "0"))
  keys.rootToken = String(fieldOf(body, "root_token"))
  await node.unseal()
  await until("it is active", async () => (await node.ask("GET", "sys/health")).status === 200)
}

/** Mounts the engines that the double has as well, and waits until each node knows them. */
const mountEngines = async (nodes: ReadonlyArray<VaultNode>) => {
  const [first] = nodes
  await first?.send("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } })
  await first?.send("POST", "sys/mounts/kv", { type: "kv", options: { version: "1" } })
  for (const node of nodes) {
    for (const path of ["secret/data/none", "kv/none"]) {
      await until(`${path} is mounted`, async () => {
        const { body, status } = await node.ask("GET", path)
        return status === 404 && !JSON.stringify(body).includes("no handler")
      })
    }
  }
}

/** Starts processes that end with the scope. */
const startAll = <A>(start: (place: Place) => Promise<A>): Effect.Effect<A, never, Scope.Scope> => {
  const attempt = async () => {
    const folder = mkdtempSync(join(tmpdir(), "mcp-cli-vault-"))
    const place: Place = { folder, keys: { unsealKey: "", rootToken: "" }, closers: [] }
    const close = async () => {
      await Promise.all(place.closers.map((closer) => closer()))
      rmSync(folder, { recursive: true, force: true })
    }
    try {
      return { value: await start(place), close }
    } catch (cause) {
      await close()
      throw cause
    }
  }
  return Effect.acquireRelease(
    Effect.promise(() => attempt().catch(attempt)),
    ({ close }) => Effect.promise(close)
  ).pipe(Effect.map(({ value }) => value))
}

/** One node in memory, with `secret/` of version 2 and `kv/` of version 1, which ends with the scope. */
export const startVaultNode = (options: NodeOptions = {}): Effect.Effect<VaultNode, never, Scope.Scope> =>
  startAll(async (place) => {
    const node = await startNode("node", place, options)
    await initialise(node, place.keys)
    await mountEngines([node])
    return node
  })

/** The server that TEST_VAULT_ADDR names, or a node of its own. Only the second one has `secret/` and `kv/` for sure. */
export const liveVault: Effect.Effect<LiveVault, never, Scope.Scope> = Effect.suspend(() =>
  running === undefined ? startVaultNode() : Effect.succeed(api(running.url, running, undefined))
)

/** Three nodes with the same engines as {@link startVaultNode}, which end with the scope. */
export const startVaultCluster: Effect.Effect<VaultCluster, never, Scope.Scope> = startAll(async (place) => {
  // Elections within a second; the default is five times as long.
  const raft = { performance_multiplier: "1" }
  const nodes = await Promise.all(["a", "b", "c"].map((name) => startNode(name, place, {}, raft)))
  const [first, ...others] = nodes as [VaultNode, ...Array<VaultNode>]
  await initialise(first, place.keys)
  const joined = others.map(async (node) => {
    await node.send("POST", "sys/storage/raft/join", { leader_api_addr: first.url.origin })
    await node.unseal()
  })
  await Promise.all(joined)
  const leader = () =>
    until("a node leads", async () => {
      const states = await Promise.all(
        nodes.map((node) => node.ask("GET", "sys/health").catch(() => undefined))
      )
      return nodes.find((_, index) => states[index]?.status === 200)
    })
  const settled = async () => {
    await until("the nodes agree", async () => {
      const states = await Promise.all(nodes.map((node) => node.ask("GET", "sys/leader")))
      const { url } = await leader()
      return states.every(({ body }) => fieldOf(body, "leader_address") === url.origin)
    })
  }
  await mountEngines(nodes)
  await settled()
  return {
    nodes,
    leader,
    standby: async () => {
      const active = await leader()
      return nodes.find((node) => node !== active) ?? active
    },
    stepDown: async () => void (await (await leader()).send("POST", "sys/step-down")),
    settled
  }
})

/** A load balancer in front of nodes. */
export interface Balancer {
  readonly url: URL
  /** The nodes that have answered, one for each request. */
  readonly seen: ReadonlyArray<URL>
}

/** Sends each request to another node, in turn, as a balancer without sessions does. It answers 502 for a node that is down. */
export const startBalancer = (nodes: ReadonlyArray<URL>): Effect.Effect<Balancer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const seen: Array<URL> = []
    const server = yield* Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<ReturnType<typeof createServer>>((done) => {
            const listening = createServer((incoming, outgoing) => {
              const node = nodes[seen.length % nodes.length]
              if (node === undefined) return void outgoing.writeHead(502).end()
              seen.push(node)
              const forwarded = httpRequest(
                new URL(incoming.url ?? "/", node),
                { method: incoming.method, headers: { ...incoming.headers, host: node.host } },
                (answer) => {
                  outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
                  answer.pipe(outgoing)
                  answer.once("error", () => outgoing.destroy())
                }
              )
              forwarded.once("error", () => {
                if (outgoing.headersSent) outgoing.destroy()
                else outgoing.writeHead(502, { "content-type": "text/html" }).end("<h1>502 Bad Gateway</h1>")
              })
              incoming.pipe(forwarded)
            }).listen(0, "127.0.0.1", () => done(listening))
          })
      ),
      (listening) =>
        Effect.promise(() => {
          listening.closeAllConnections()
          return new Promise((done) => listening.close(done))
        })
    )
    return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), seen }
  })
