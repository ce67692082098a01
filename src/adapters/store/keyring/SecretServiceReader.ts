import {
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyPairKeyObjectResult
} from "node:crypto"
import { createConnection, type Socket } from "node:net"
import {
  type BusCall,
  type BusMessage,
  decodeMessage,
  encodeCall,
  lengthOf,
  Marshal,
  methodReturn
} from "./BusMessage.ts"
import { service } from "./KeyringName.ts"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** The largest message that is read, in bytes. A record is a few kilobytes. */
const maxMessage = 4 * 1024 * 1024

/** The longest answer to the authentication, in bytes. It is `OK` and an identifier. */
const maxLine = 16 * 1024

const secrets = { destination: "org.freedesktop.secrets", path: "/org/freedesktop/secrets" } as const

/** The only key agreement of the Secret Service API that encrypts: nothing that watches the bus sees a secret. */
const algorithm = "dh-ietf1024-sha256-aes128-cbc-pkcs7"

/** Where the session bus is. */
interface BusAddress {
  /** In the form of `net.connect`. */
  readonly path: string
  /** What the bus has to answer. Another user may listen at the abstract socket of a bus that has ended. Absent: anything. */
  readonly guid?: string | undefined
}

/** The address of the session bus. Absent: it is no socket, but of another kind, as `tcp:` or `autolaunch:`. */
const addressOf = (environment: NodeJS.ProcessEnv): BusAddress | undefined => {
  const { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: folder } = environment
  if (address === undefined) return folder === undefined ? undefined : { path: `${folder}/bus` }
  const [, kind, value = "", guid] =
    /^unix:(path|abstract)=([^,;]*)(?:,guid=([0-9a-f]{32}))?$/i.exec(address) ?? []
  // A value may have escapes. They are left to the keyring process.
  if (kind === undefined || !/^[\w./@+-]+$/.test(value)) return undefined
  return { path: kind === "path" ? value : `\0${value}`, guid }
}

interface Waiting {
  readonly take: (message: BusMessage) => void
  readonly fail: (error: Error) => void
}

/** A connection to the session bus. */
class Bus {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #received = Buffer.alloc(0)
  #isAuthenticated = false
  #serial = 0
  #failure: Error | undefined
  readonly #guid: string | undefined

  constructor({ guid, path }: BusAddress, uid: number) {
    this.#guid = guid
    this.#socket = createConnection({ path })
    this.#socket.on("data", (bytes) => this.#receive(bytes))
    this.#socket.on("error", (error) => this.close(error))
    this.#socket.on("close", () => this.close(new Error("The bus closed the connection")))
    // It must not keep the program running, except while an answer is awaited.
    this.#socket.unref()
    // The bus reads all of it in order, so that nothing waits for the answer of the step before.
    this.#socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString("hex")}\r\nBEGIN\r\n`)
  }

  #receive(bytes: Buffer) {
    this.#received = Buffer.concat([this.#received, bytes])
    try {
      if (!this.#isAuthenticated) {
        const end = this.#received.indexOf("\r\n")
        if (end < 0) {
          if (this.#received.length > maxLine) throw new RangeError("The line is too long")
          return
        }
        const [, guid] = /^OK (\S+)$/.exec(this.#received.toString("latin1", 0, end)) ?? []
        if (guid === undefined) throw new Error("The bus refused this user")
        if (this.#guid !== undefined && guid.toLowerCase() !== this.#guid.toLowerCase())
          throw new Error("Another bus answered")
        this.#received = this.#received.subarray(end + 2)
        this.#isAuthenticated = true
      }
      for (let length = lengthOf(this.#received); length !== undefined; length = lengthOf(this.#received)) {
        if (length > maxMessage) throw new RangeError("The message is too long")
        if (length > this.#received.length) return
        const message = decodeMessage(this.#received.subarray(0, length))
        this.#received = this.#received.subarray(length)
        this.#answer(message)
      }
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #answer(message: BusMessage) {
    const waiting = message.replyTo === undefined ? undefined : this.#waiting.get(message.replyTo)
    if (waiting === undefined || message.replyTo === undefined) return
    this.#waiting.delete(message.replyTo)
    if (this.#waiting.size === 0) this.#socket.unref()
    if (message.type === methodReturn) waiting.take(message)
    else waiting.fail(new Error("The call failed"))
  }

  /** Calls a method. The answer must have this signature. */
  call(call: BusCall, signature: string): Promise<BusMessage["body"]> {
    return new Promise((take, fail) => {
      if (this.#failure !== undefined) return fail(this.#failure)
      const serial = ++this.#serial
      this.#waiting.set(serial, {
        take: (message) =>
          message.signature === signature
            ? take(message.body)
            : fail(new Error("The answer has another type")),
        fail
      })
      this.#socket.ref()
      this.#socket.write(encodeCall(serial, call))
    })
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  close(failure: Error) {
    this.#failure ??= failure
    this.#socket.destroy()
    for (const { fail } of this.#waiting.values()) fail(this.#failure)
    this.#waiting.clear()
  }
}

/** Length of the numbers of the key agreement, in bytes. */
const groupLength = 128

/** The element of DER that starts here: where its content starts, and where it ends. */
const elementAt = (der: Buffer, at: number): { readonly start: number; readonly end: number } => {
  const first = der.readUInt8(at + 1)
  if (first < 0x80) return { start: at + 2, end: at + 2 + first }
  const start = at + 2 + (first - 0x80)
  return { start, end: start + der.readUIntBE(at + 2, first - 0x80) }
}

const element = (tag: number, content: Buffer): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(content.length)
  return Buffer.concat([Buffer.of(tag, 0x82), length, content])
}

/** A positive INTEGER of DER, which has no zeros in front but one, where the first bit would be the sign. */
const integerOf = (number: Buffer): Buffer => {
  const start = number.findIndex((byte) => byte !== 0)
  const significant = number.subarray(start < 0 ? number.length : start)
  return element(
    0x02,
    (significant[0] ?? 0x80) < 0x80 ? significant : Buffer.concat([Buffer.alloc(1), significant])
  )
}

/** A number in the length that the key agreement has for all. */
const padded = (number: Buffer): Buffer => {
  const bytes = Buffer.alloc(groupLength)
  number.subarray(-groupLength).copy(bytes, Math.max(0, groupLength - number.length))
  return bytes
}

// The types of Node do not have this kind of key.
const makeKeyPair = generateKeyPairSync as unknown as (
  type: "dh",
  options: { readonly group: string }
) => KeyPairKeyObjectResult

/**
 * A key pair of the second Oakley group. Node's `createDiffieHellmanGroup` tests the prime of the group first, for 40 ms, so
 * that the key objects are used, which have only DER (RFC 5280, SubjectPublicKeyInfo) for the numbers.
 */
const makeAgreement = () => {
  const { privateKey, publicKey } = makeKeyPair("dh", { group: "modp2" })
  const der = publicKey.export({ format: "der", type: "spki" })
  const algorithmStart = elementAt(der, 0).start
  const algorithmEnd = elementAt(der, algorithmStart).end
  // After the tag, the length and the number of unused bits of the bit string is the number.
  const number = elementAt(der, elementAt(der, algorithmEnd).start + 1)
  return {
    publicNumber: padded(der.subarray(number.start, number.end)),
    /** The secret that both sides have. */
    agree: (other: Buffer): Buffer => {
      const bits = element(0x03, Buffer.concat([Buffer.alloc(1), integerOf(other)]))
      const key = element(0x30, Buffer.concat([der.subarray(algorithmStart, algorithmEnd), bits]))
      return padded(
        diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: "der", type: "spki" }) })
      )
    }
  }
}

/** The session of the service, and the key that encrypts its secrets. */
const openSession = async (bus: Bus) => {
  const agreement = makeAgreement()
  const body = await bus.call(
    {
      ...secrets,
      interface: "org.freedesktop.Secret.Service",
      member: "OpenSession",
      arguments: {
        signature: "sv",
        values: new Marshal().string(algorithm).signature("ay").octets(agreement.publicNumber)
      }
    },
    "vo"
  )
  if (body.signature() !== "ay") throw new Error("The public key has another type")
  const shared = agreement.agree(body.octets())
  const key = Buffer.from(hkdfSync("sha256", shared, Buffer.alloc(0), Buffer.alloc(0), 16))
  return { path: body.string(), key }
}

/** The items that have the attributes of an account. */
const search = async (bus: Bus, account: string) => {
  const values = new Marshal()
  values.array(Object.entries({ service, username: account }), ([name, value]) =>
    values.string(name).string(value)
  )
  const body = await bus.call(
    {
      ...secrets,
      interface: "org.freedesktop.Secret.Service",
      member: "SearchItems",
      arguments: { signature: "a{ss}", values }
    },
    "aoao"
  )
  return { unlocked: body.strings(), locked: body.strings() }
}

/**
 * Reads secrets from the Secret Service over the session bus, in this process. It never asks the user for anything, and does
 * not write.
 *
 * **Details**
 *
 * Most runs of the program only read one secret, and this takes a few milliseconds of the start in place of a second process.
 * Its answer is either the secret or nothing: whatever is not plain (no entry, several, a locked one, another kind of bus) is
 * for the keyring process, which knows every case and its message. The secret is encrypted on the bus.
 *
 * Secret Service API: https://specifications.freedesktop.org/secret-service-spec/latest/
 */
export class SecretServiceReader {
  readonly #bus: Bus
  readonly #session: ReturnType<typeof openSession>
  readonly #found = new Map<string, ReturnType<typeof search>>()

  private constructor(bus: Bus) {
    this.#bus = bus
    const hello = {
      destination: "org.freedesktop.DBus",
      path: "/org/freedesktop/DBus",
      interface: "org.freedesktop.DBus"
    }
    // A failure closes the bus, which fails everything else.
    bus.call({ ...hello, member: "Hello" }, "s").catch((error: Error) => bus.close(error))
    this.#session = openSession(bus)
    this.#session.catch(() => undefined)
  }

  /** Connects to the bus of an environment. Absent: its address is not that of a socket, or this system has no users. */
  static connect(environment: NodeJS.ProcessEnv): SecretServiceReader | undefined {
    const address = addressOf(environment)
    const uid = process.getuid?.()
    return address === undefined || uid === undefined
      ? undefined
      : new SecretServiceReader(new Bus(address, uid))
  }

  /** Searches for an account before its secret is requested. */
  expect(account: string): void {
    const found = search(this.#bus, account)
    found.catch(() => undefined)
    this.#found.set(account, found)
  }

  /** The secret of an account. Absent: ask the keyring process. */
  async read(account: string): Promise<Uint8Array | undefined> {
    try {
      const expected = this.#found.get(account)
      // What was found holds for the first read only.
      this.#found.delete(account)
      const [{ locked, unlocked }, { key, path }] = await Promise.all([
        expected ?? search(this.#bus, account),
        this.#session
      ])
      const [item, ...others] = unlocked
      if (item === undefined || others.length > 0 || locked.length > 0) return undefined
      const body = await this.#bus.call(
        {
          destination: secrets.destination,
          path: item,
          interface: "org.freedesktop.Secret.Item",
          member: "GetSecret",
          arguments: { signature: "o", values: new Marshal().string(path) }
        },
        "(oayays)"
      )
      if (body.string() !== path) return undefined
      const [iv, encrypted] = [body.octets(), body.octets()]
      const cipher = createDecipheriv("aes-128-cbc", key, iv)
      return Uint8Array.from(Buffer.concat([cipher.update(encrypted), cipher.final()]))
    } catch {
      // The keyring process finds out what is wrong, and reports it. A keyring that was restarted does not know this session.
      this.close()
      return undefined
    }
  }

  /** False after a failure. */
  get isOpen(): boolean {
    return this.#bus.isOpen
  }

  /** Ends the connection, and each read that waits. */
  close(): void {
    this.#bus.close(new Error("The connection to the bus was closed"))
  }
}

let early: SecretServiceReader | undefined

/** Connects while the rest of the program loads. `account` is the one that will probably be read. */
export const prefetch = (account?: string): void => {
  early = SecretServiceReader.connect(process.env)
  if (account !== undefined) early?.expect(account)
}

/** Returns the connection that {@link prefetch} has made, or makes one. */
export const connect = (): SecretServiceReader | undefined => {
  const reader = early
  early = undefined
  return reader ?? SecretServiceReader.connect(process.env)
}
