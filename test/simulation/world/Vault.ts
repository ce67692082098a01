import { Effect, Layer, Redacted } from "effect"
import { encodeRecord } from "../../../src/adapters/store/CredentialRecord.ts"
import {
  ConnectionFailed,
  type RawRequest,
  type RawResponse,
  type VaultConnection,
  VaultConnector
} from "../../../src/adapters/store/vault/VaultConnection.ts"
import * as VaultStore from "../../../src/adapters/store/vault/VaultStore.ts"
import type { Credential } from "../../../src/domain/Credential.ts"
import type { CredentialKey } from "../../../src/domain/CredentialKey.ts"
import { epoch } from "../engine/Epoch.ts"
import type { Seed } from "../engine/Seed.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { KernelLock } from "./KernelLock.ts"
import type { Store } from "./Store.ts"
import type { World } from "./World.ts"

type Fields = Readonly<Record<string, string>>

interface Version {
  readonly number: number
  readonly createdAt: number
  readonly fields: Fields
}

/** The newest version of a record from a time on. Absent: there is none. */
interface Snapshot {
  readonly at: number
  readonly version: Version | undefined
}

interface Answer {
  readonly status: number
  readonly body?: unknown
}

/** The content of a write. */
interface WriteBody {
  readonly data?: Fields
  readonly options?: { readonly cas: number }
}

const refreshTokenIn = (fields: Fields | undefined): string | undefined =>
  /"refreshToken":"(R\d+)"/.exec(fields?.["record"] ?? "")?.[1]

const errors = (status: number, ...messages: ReadonlyArray<string>): Answer => ({
  status,
  body: { errors: messages }
})

/**
 * Vault with a key-value engine of version 2 in memory: check-and-set on the primary, and reads from replicas that lag. The
 * real `VaultStore` runs over it.
 */
export class Vault implements Store {
  readonly #world: World
  readonly #locks: KernelLock
  readonly #history = new Map<string, Array<Snapshot>>()
  /** Milliseconds that Vault's clock is ahead. */
  readonly #skew: number
  /** Milliseconds that each node is behind. The first is the primary. */
  readonly #lags: ReadonlyArray<number>

  constructor(world: World, locks: KernelLock) {
    this.#world = world
    this.#locks = locks
    const { scenario, simulator } = world
    const plan = simulator.seed.fork("vault")
    this.#skew = scenario.faults.skew > 0 ? plan.integer(-300_000, 300_000) : 0
    this.#lags = scenario.replicaLag > 0 ? [0, plan.integer(1, scenario.replicaLag)] : [0]
  }

  put(key: CredentialKey, credential: Credential): void {
    const fields = { record: Effect.runSync(encodeRecord(key, credential)) }
    // Long ago, so that every replica has it.
    const at = -3_600_000
    this.#history.set(`mcp/${key.storageName}`, [{ at, version: { number: 1, createdAt: at, fields } }])
  }

  refreshToken(key: CredentialKey): string | undefined {
    return refreshTokenIn(this.#read(`mcp/${key.storageName}`, 0)?.fields)
  }

  layer(process: VirtualProcess) {
    const stream = this.#world.simulator.seed.fork(`vault of ${process.name}`)
    const connection: VaultConnection = {
      exchange: (target, request, connected) => this.#exchange(process, stream, target, request, connected)
    }
    return Layer.fresh(
      VaultStore.layer({
        url: new URL("http://vault.test:8200"),
        mountPoint: "secret",
        pathPrefix: "mcp",
        namespace: undefined,
        kvVersion: 2,
        auth: { method: "token", token: Redacted.make("vault-token"), tokenFile: undefined },
        tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
      })
    ).pipe(
      Layer.provide(this.#locks.layer(process, "machine")),
      Layer.provide(Layer.succeed(VaultConnector, () => Effect.succeed(connection)))
    )
  }

  #read(path: string, lag: number): Version | undefined {
    return this.#history.get(path)?.findLast(({ at }) => at <= this.#world.simulator.now - lag)?.version
  }

  #append(path: string, version: Version | undefined): void {
    const snapshots = this.#history.get(path) ?? []
    snapshots.push({ at: this.#world.simulator.now, version })
    this.#history.set(path, snapshots)
  }

  #write(path: string, fields: Fields): Version {
    const number = (this.#read(path, 0)?.number ?? 0) + 1
    const version = { number, createdAt: this.#world.simulator.now, fields }
    this.#append(path, version)
    const token = refreshTokenIn(fields)
    if (token !== undefined) {
      this.#world.tell({ _tag: "Written", account: path.replace("mcp/", ""), token })
    }
    return version
  }

  #isoTime(at: number): string {
    // @effect-diagnostics-next-line globalDate:off
    return new Date(epoch + at + this.#skew).toISOString()
  }

  #answer(method: string, path: string, body: WriteBody | undefined, lag: number): Answer {
    const [, engine, part, ...rest] = path.split("/").slice(1)
    const name = rest.join("/")
    if (engine === "auth") return { status: 200, body: { data: { ttl: 0, renewable: false } } }
    switch (`${method} ${part}`) {
      case "GET data": {
        const version = this.#read(name, lag)
        if (version === undefined) return errors(404)
        const metadata = { version: version.number, created_time: this.#isoTime(version.createdAt) }
        return { status: 200, body: { data: { data: version.fields, metadata } } }
      }
      case "POST data": {
        const current = this.#read(name, 0)?.number ?? 0
        return body?.options?.cas === current
          ? { status: 200, body: { data: { version: this.#write(name, body.data ?? {}).number } } }
          : errors(400, "check-and-set parameter did not match the current version")
      }
      case "POST metadata":
      case "POST destroy":
        return { status: 204 }
      case "GET metadata": {
        const version = this.#read(name, lag)
        return version === undefined
          ? errors(404)
          : { status: 200, body: { data: { versions: { [version.number]: { destroyed: false } } } } }
      }
      case "DELETE metadata":
        this.#append(name, undefined)
        return { status: 204 }
      default:
        throw new Error(`not simulated: ${method} ${path}`)
    }
  }

  #describe(method: string, path: string, body: WriteBody | undefined): string {
    const fields = body?.data
    const place = path.split("/").slice(3).join("/")
    if (fields === undefined) return `vault ${method} ${place}`
    const lease = fields["lease"] === undefined ? "" : ` lease ${fields["lease"].slice(0, 4)}`
    return `vault ${method} ${place} ${refreshTokenIn(fields) ?? "-"}${lease} cas ${body?.options?.cas}`
  }

  #exchange(
    process: VirtualProcess,
    stream: Seed,
    target: URL,
    { body: text, method, signal }: RawRequest,
    connected: () => void
  ): Effect.Effect<RawResponse, ConnectionFailed> {
    const { fails, simulator, tell } = this.#world
    return Effect.callback((resume) => {
      const fail = (code: string) => process.post(() => resume(new ConnectionFailed({ code })))
      signal.addEventListener("abort", () => fail("ABORT_ERR"))
      process.post(connected)
      const body = text === undefined ? undefined : (JSON.parse(text) as WriteBody)
      const what = this.#describe(method, target.pathname, body)
      const token = refreshTokenIn(body?.data)
      const endanger = () => tell(method === "GET" ? { _tag: "ReadFailed" } : { _tag: "WriteFailed", token })
      const breakOff = () => {
        if (stream.chance(0.5)) simulator.after(stream.integer(10, 2000), () => fail("ECONNRESET"))
      }
      const latency = () => (fails(stream, "slow") ? stream.integer(1000, 20_000) : stream.integer(2, 20))
      const isLost = fails(stream, "store")
      const isAnswerLost = fails(stream, "store")
      const isBusy = fails(stream, "store")
      const lag = stream.pick(this.#lags)
      if (isLost) {
        simulator.trace("network", `${what} of ${process.name} is LOST`)
        endanger()
        breakOff()
        return
      }
      simulator.after(latency(), () => {
        const answer = isBusy ? errors(503, "overloaded") : this.#answer(method, target.pathname, body, lag)
        if (answer.status >= 400 && answer.status !== 404) endanger()
        const node = method === "GET" && lag > 0 ? " (replica)" : ""
        const lost = isAnswerLost ? ", the answer is LOST" : ""
        simulator.trace(process.name, `${what}: ${answer.status}${node}${lost}`)
        if (isAnswerLost) return breakOff()
        const response: RawResponse = {
          status: answer.status,
          // @effect-diagnostics-next-line globalDate:off
          headers: { date: new Date(epoch + simulator.now + this.#skew).toUTCString() },
          text: answer.body === undefined ? "" : JSON.stringify(answer.body)
        }
        simulator.after(latency(), () => process.post(() => resume(Effect.succeed(response))))
      })
    })
  }
}
