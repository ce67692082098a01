import { Effect, Layer, Redacted, Result } from "effect"
import { decodeRecord, encodeRecord } from "../../../src/adapters/store/CredentialRecord.ts"
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
import { longestOutage } from "./RecordStore.ts"
import type { Store } from "./Store.ts"
import { isDuring, type Period, periodsOf, type World } from "./World.ts"

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

/** The content of a write. An engine of version 1 has the fields themselves. */
interface WriteBody {
  readonly data?: Fields
  readonly options?: { readonly cas: number }
  readonly record?: string
}

/** A request as a node of Vault gets it. */
interface Received {
  readonly method: string
  readonly path: string
  readonly body: WriteBody | undefined
  readonly sentAt: number
  /** Milliseconds that the node is behind. */
  readonly lag: number
}

const refreshTokenIn = (fields: Fields | undefined): string | undefined =>
  /"refreshToken":"(R\d+)"/.exec(fields?.["record"] ?? "")?.[1]

const errors = (status: number, ...messages: ReadonlyArray<string>): Answer => ({
  status,
  body: { errors: messages }
})

/**
 * Vault with a key-value engine in memory. The real `VaultStore` runs over it.
 *
 * Writes reach the primary, and replicas that lag answer reads. Where they are standbys, they also judge check-and-set by
 * what they have, and they forward a request that names a newer state (`X-Vault-Index`).
 */
export class Vault implements Store {
  readonly #world: World
  readonly #locks: KernelLock
  readonly #history = new Map<string, Array<Snapshot>>()
  /** Milliseconds that Vault's clock is ahead. */
  readonly #skew: number
  /** Milliseconds that each node is behind. The first is the primary. */
  readonly #lags: ReadonlyArray<number>
  readonly #outages: ReadonlyArray<Period>
  /** As of when a process has seen a record. */
  readonly #seen = new Map<string, number>()

  constructor(world: World, locks: KernelLock) {
    this.#world = world
    this.#locks = locks
    const { scenario, simulator } = world
    const plan = simulator.seed.fork("vault")
    this.#skew = scenario.faults.skew > 0 ? plan.integer(-300_000, 300_000) : 0
    this.#lags = scenario.replicaLag > 0 ? [0, plan.integer(1, scenario.replicaLag)] : [0]
    this.#outages = periodsOf(world, "storeOutage", longestOutage)
  }

  put(key: CredentialKey, credential: Credential): void {
    const fields = { record: Effect.runSync(encodeRecord(key, credential)) }
    // Long ago, so that every replica has it.
    const at = -3_600_000
    this.#history.set(`mcp/${key.storageName}`, [{ at, version: { number: 1, createdAt: at, fields } }])
    const token = refreshTokenIn(fields)
    if (token !== undefined) this.#world.tell({ _tag: "Written", account: key.storageName, token })
  }

  peek(key: CredentialKey): Credential | undefined {
    const record = this.#read(`mcp/${key.storageName}`, 0)?.fields["record"]
    return record === undefined ? undefined : Result.getOrThrow(decodeRecord(key, key.storageName, record))
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
        kvVersion: this.#world.scenario.store === "vault" ? 2 : 1,
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

  #write(by: VirtualProcess, path: string, fields: Fields): Version {
    const number = (this.#read(path, 0)?.number ?? 0) + 1
    const version = { number, createdAt: this.#world.simulator.now, fields }
    this.#append(path, version)
    const token = refreshTokenIn(fields)
    const account = path.replace("mcp/", "")
    if (token !== undefined) this.#world.tell({ _tag: "Written", account, token, by })
    if (fields["record"] === undefined) this.#world.tell({ _tag: "Removed", account })
    return version
  }

  /**
   * Tells if a check-and-set succeeds although the record is another one than its sender has seen: one that was removed, and
   * created again with as many versions.
   */
  #notice(process: VirtualProcess, path: string): void {
    const removedAt = this.#history.get(path)?.findLast(({ version }) => version === undefined)?.at
    const seenAt = this.#seen.get(`${process.name} ${path}`) ?? Infinity
    if (removedAt === undefined || removedAt < seenAt) return
    this.#world.tell({ _tag: "Overwritten", account: path.replace("mcp/", ""), by: "versions restarted" })
  }

  #remove(path: string): void {
    this.#append(path, undefined)
    this.#world.tell({ _tag: "Removed", account: path.replace("mcp/", "") })
  }

  #isoTime(at: number): string {
    // @effect-diagnostics-next-line globalDate:off
    return new Date(epoch + at + this.#skew).toISOString()
  }

  /** Version 1: no versions, and no check-and-set. */
  #answerOfFirst(process: VirtualProcess, { body, method, path, sentAt }: Received): Answer {
    const name = path.split("/").slice(3).join("/")
    switch (method) {
      case "GET": {
        const version = this.#read(name, 0)
        return version === undefined ? errors(404) : { status: 200, body: { data: version.fields } }
      }
      case "POST":
        if ((this.#read(name, 0)?.createdAt ?? 0) > sentAt) {
          const account = name.replace("mcp/", "")
          this.#world.tell({ _tag: "Overwritten", account, by: "late write" })
        }
        this.#write(process, name, body as Fields)
        return { status: 204 }
      default:
        this.#remove(name)
        return { status: 204 }
    }
  }

  #answer(process: VirtualProcess, received: Received): Answer {
    const { body, lag, method, path } = received
    const [, engine, part, ...rest] = path.split("/").slice(1)
    const name = rest.join("/")
    if (engine === "auth") return { status: 200, body: { data: { ttl: 0, renewable: false } } }
    const isFirst = this.#world.scenario.store === "vault-v1"
    if (engine === "sys") {
      const mount = { type: "kv", path: "secret/", options: { version: isFirst ? "1" : "2" } }
      return { status: 200, body: { initialized: true, data: mount } }
    }
    if (isFirst) return this.#answerOfFirst(process, received)
    switch (`${method} ${part}`) {
      case "GET data": {
        const version = this.#read(name, lag)
        this.#seen.set(`${process.name} ${name}`, this.#world.simulator.now - lag)
        if (version === undefined) return errors(404)
        const metadata = { version: version.number, created_time: this.#isoTime(version.createdAt) }
        return { status: 200, body: { data: { data: version.fields, metadata } } }
      }
      case "POST data": {
        const isSeen = (at: number) => body?.options?.cas === (this.#read(name, at)?.number ?? 0)
        const isCurrent = isSeen(0) && (!this.#world.scenario.isStandby || isSeen(lag))
        if (isCurrent && this.#read(name, 0) !== undefined) this.#notice(process, name)
        if (isCurrent) this.#seen.set(`${process.name} ${name}`, this.#world.simulator.now)
        return isCurrent
          ? { status: 200, body: { data: { version: this.#write(process, name, body?.data ?? {}).number } } }
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
        this.#remove(name)
        return { status: 204 }
      default:
        throw new Error(`not simulated: ${method} ${path}`)
    }
  }

  /** How far the node is behind that answers: 0 if it has to forward the request to the primary. */
  #lagOf(lag: number, headers: RawRequest["headers"]): number {
    const index = Number(headers["x-vault-index"] ?? Number.NaN)
    const isForwarded = headers["x-vault-inconsistent"] === "forward-active-node"
    return isForwarded && this.#world.simulator.now - lag < index ? 0 : lag
  }

  #describe({ body, method, path }: Received): string {
    const fields = body?.record === undefined ? body?.data : (body as Fields)
    const place = path.split("/").slice(3).join("/")
    if (fields === undefined) return `vault ${method} ${place}`
    const lease = fields["lease"] === undefined ? "" : ` lease ${fields["lease"].slice(0, 4)}`
    const cas = body?.options === undefined ? "" : ` cas ${body.options.cas}`
    return `vault ${method} ${place} ${refreshTokenIn(fields) ?? "-"}${lease}${cas}`
  }

  #exchange(
    process: VirtualProcess,
    stream: Seed,
    target: URL,
    { body: text, headers, method, signal }: RawRequest,
    connected: () => void
  ): Effect.Effect<RawResponse, ConnectionFailed> {
    const { count, fails, simulator, tell } = this.#world
    return Effect.callback((resume) => {
      const fail = (code: string) => process.post(() => resume(new ConnectionFailed({ code })))
      signal.addEventListener("abort", () => {
        // The product gives a request up that takes too long.
        if (method === "GET") tell({ _tag: "ReadFailed", process })
        fail("ABORT_ERR")
      })
      process.post(connected)
      const received: Received = {
        method,
        path: target.pathname,
        body: text === undefined ? undefined : (JSON.parse(text) as WriteBody),
        sentAt: simulator.now,
        lag: this.#lagOf(stream.pick(this.#lags), headers)
      }
      const what = this.#describe(received)
      const { body, lag } = received
      const token = refreshTokenIn(body?.data ?? (body as Fields | undefined))
      const endanger = () =>
        tell(method === "GET" ? { _tag: "ReadFailed", process } : { _tag: "WriteFailed", process, token })
      const breakOff = () => {
        if (stream.chance(0.5)) simulator.after(stream.integer(10, 2000), () => fail("ECONNRESET"))
      }
      const latency = () =>
        fails(stream, "slow") || fails(stream, "slowStore")
          ? stream.integer(1000, 20_000)
          : stream.integer(2, 20)
      const isLost = fails(stream, "store")
      const isAnswerLost = fails(stream, "store")
      const isBusy = fails(stream, "store")
      if (isLost) {
        simulator.trace("network", `${what} of ${process.name} is LOST`)
        endanger()
        breakOff()
        return
      }
      simulator.after(latency(), () => {
        const isSealed = isDuring(this.#outages, simulator.now)
        if (isSealed) count("storeOutage")
        const answer = isSealed
          ? errors(503, "Vault is sealed")
          : isBusy
            ? errors(503, "overloaded")
            : this.#answer(process, received)
        // Only what the primary says, by an answer or by check-and-set, tells that there is no other record.
        const isRead = method === "GET" ? lag === 0 : method === "POST" && answer.status === 200
        const [, , engine, part, ...place] = target.pathname.split("/")
        if (engine === "secret" && part === "data" && place[0] === "mcp") {
          const account = place.slice(1).join("/")
          if (isRead) tell({ _tag: "Read", process, account })
          else if (method === "GET" && this.#read(place.join("/"), lag) !== this.#read(place.join("/"), 0))
            tell({ _tag: "StaleRead", process, account })
        }
        if (isAnswerLost || (answer.status >= 400 && answer.status !== 404)) endanger()
        const node = lag > 0 ? " (replica)" : ""
        const lost = isAnswerLost ? ", the answer is LOST" : ""
        simulator.trace(process.name, `${what}: ${answer.status}${node}${lost}`)
        if (isAnswerLost) return breakOff()
        const response: RawResponse = {
          status: answer.status,
          headers: {
            // @effect-diagnostics-next-line globalDate:off
            date: new Date(epoch + simulator.now + this.#skew).toUTCString(),
            ...(this.#world.scenario.isStandby
              ? { "x-vault-index": String(method === "GET" ? simulator.now - lag : simulator.now) }
              : {})
          },
          text: answer.body === undefined ? "" : JSON.stringify(answer.body)
        }
        simulator.after(latency(), () => {
          const isOfRecord = engine === "secret" && part === "data" && place[0] === "mcp"
          if (isOfRecord && answer.status < 500 && !signal.aborted)
            tell({ _tag: "Answered", process, account: place.slice(1).join("/") })
          process.post(() => resume(Effect.succeed(response)))
        })
      })
    })
  }
}
