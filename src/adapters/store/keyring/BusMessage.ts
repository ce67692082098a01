// This module does not import Effect: bin.ts loads it before the rest of the program.

/** A message of D-Bus. Specification: https://dbus.freedesktop.org/doc/dbus-specification.html, "Message Protocol". */
export interface BusMessage {
  readonly type: number
  /** The serial of the call that this message answers. Absent: it is no answer. */
  readonly replyTo: number | undefined
  /** The signature of the body. Empty: there is no body. */
  readonly signature: string
  readonly body: Unmarshal
}

/** A call of a method. */
export interface BusCall {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  /** The arguments: their signature, and their values. Absent: there are none. */
  readonly arguments?: { readonly signature: string; readonly values: Marshal }
}

const littleEndian = 0x6c
const methodCall = 1
/** The type of a message that answers a call with a result. */
export const methodReturn = 2

/** Codes of header fields. */
const field = { path: 1, interface: 2, member: 3, replySerial: 5, destination: 6, signature: 8 } as const

/** The fixed part of a header, up to and with the length of its fields. */
const fixedLength = 16

const paddingOf = (length: number, boundary: number): number => -length & (boundary - 1)

/** Writes values in the format of D-Bus, little-endian. */
export class Marshal {
  readonly #parts: Array<Buffer> = []
  #length = 0

  #push(part: Buffer): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  align(boundary: number): this {
    return this.#push(Buffer.alloc(paddingOf(this.#length, boundary)))
  }

  uint8(value: number): this {
    return this.#push(Buffer.of(value))
  }

  uint32(value: number): this {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return this.align(4).#push(bytes)
  }

  /** A string (`s`) or an object path (`o`). */
  string(value: string): this {
    return this.uint32(Buffer.byteLength(value)).#push(Buffer.from(`${value}\0`))
  }

  /** A signature (`g`). */
  signature(value: string): this {
    return this.uint8(value.length).#push(Buffer.from(`${value}\0`))
  }

  /** An array of bytes (`ay`). */
  octets(value: Uint8Array): this {
    return this.uint32(value.length).#push(Buffer.from(value))
  }

  /** An array of structs or of dictionary entries. Each of them starts at a multiple of eight. */
  array<A>(elements: Iterable<A>, write: (element: A) => void): this {
    const length = Buffer.alloc(4)
    this.align(4).#push(length).align(8)
    const start = this.#length
    for (const element of elements) {
      this.align(8)
      write(element)
    }
    length.writeUInt32LE(this.#length - start)
    return this
  }
}

/** Reads values in the format of D-Bus, little-endian. Throws a `RangeError` beyond the end. */
export class Unmarshal {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  #take(length: number): Buffer {
    const start = this.#at
    if (length > this.#bytes.length - start) throw new RangeError("The message ends within a value")
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  align(boundary: number): this {
    this.#take(paddingOf(this.#at, boundary))
    return this
  }

  uint8(): number {
    return this.#take(1).readUInt8()
  }

  uint32(): number {
    return this.align(4).#take(4).readUInt32LE()
  }

  string(): string {
    const text = this.octets().toString()
    this.#take(1)
    return text
  }

  signature(): string {
    const text = this.#take(this.uint8()).toString()
    this.#take(1)
    return text
  }

  octets(): Buffer {
    return this.#take(this.uint32())
  }

  /** An array of strings or object paths. */
  strings(): ReadonlyArray<string> {
    const array = new Unmarshal(this.octets())
    const found: Array<string> = []
    while (!array.isAtEnd) found.push(array.string())
    return found
  }
}

/** The bytes of a call. */
export const encodeCall = (serial: number, call: BusCall): Buffer => {
  const fields = [
    [field.path, "o", call.path],
    [field.interface, "s", call.interface],
    [field.member, "s", call.member],
    [field.destination, "s", call.destination],
    [field.signature, "g", call.arguments?.signature ?? ""]
  ] as const
  const message = new Marshal()
    .uint8(littleEndian)
    .uint8(methodCall)
    .uint8(0)
    .uint8(1)
    .uint32(call.arguments?.values.length ?? 0)
    .uint32(serial)
  message
    .array(fields, ([code, type, value]) => {
      message.uint8(code).signature(type)
      if (type === "g") message.signature(value)
      else message.string(value)
    })
    .align(8)
  return Buffer.concat([message.bytes, call.arguments?.values.bytes ?? Buffer.alloc(0)])
}

/**
 * The length of the message that starts here, in bytes. Absent: more bytes are needed to know it. Throws a `RangeError` for a
 * message in another byte order, which no bus of this machine sends.
 */
export const lengthOf = (bytes: Buffer): number | undefined => {
  if (bytes.length < fixedLength) return undefined
  if (bytes[0] !== littleEndian) throw new RangeError("The message is not little-endian")
  const fields = bytes.readUInt32LE(12)
  return fixedLength + fields + paddingOf(fields, 8) + bytes.readUInt32LE(4)
}

/** Decodes one whole message. Throws a `RangeError` if it is malformed. */
export const decodeMessage = (bytes: Buffer): BusMessage => {
  const bodyLength = bytes.readUInt32LE(4)
  const fields = new Unmarshal(bytes.subarray(fixedLength, fixedLength + bytes.readUInt32LE(12)))
  let replyTo: number | undefined
  let signature = ""
  while (!fields.isAtEnd) {
    const code = fields.align(8).uint8()
    const type = fields.signature()
    if (type === "g") {
      const value = fields.signature()
      if (code === field.signature) signature = value
    } else if (type === "u") {
      const value = fields.uint32()
      if (code === field.replySerial) replyTo = value
    } else if (type === "s" || type === "o") fields.string()
    else throw new RangeError(`A header field has the type ${type}`)
  }
  const body = new Unmarshal(Buffer.from(bytes.subarray(bytes.length - bodyLength)))
  return { type: bytes.readUInt8(1), replyTo, signature, body }
}
