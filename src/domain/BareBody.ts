import { joinedBytes } from "./JoinedBytes.ts"

/** The body of a message that becomes one of the platform only if it is copied, or read as what only the platform can make. */
export abstract class BareBody<Message extends Request | Response> implements Body {
  #whole: Message | undefined
  #isRead = false

  /** Makes the same message of the platform, which owns the body then. */
  protected abstract make(): Message

  protected get whole(): Message {
    return (this.#whole ??= this.make())
  }

  /** The body as it is. Absent: only the message of the platform has it as a stream. */
  protected abstract readonly own: ReadableStream<Uint8Array<ArrayBuffer>> | null | undefined

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#whole === undefined && this.own !== undefined ? this.own : this.whole.body
  }

  get bodyUsed(): boolean {
    return this.#isRead || (this.#whole?.bodyUsed ?? false)
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer
  }

  blob(): Promise<Blob> {
    return this.whole.blob()
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { own } = this
    if (this.#whole !== undefined || own === undefined) return this.whole.bytes()
    if (own === null) return new Uint8Array()
    const reader = own.getReader()
    this.#isRead = true
    const parts: Array<Uint8Array> = []
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return joinedBytes(parts)
      parts.push(value)
    }
  }

  formData(): Promise<FormData> {
    return this.whole.formData()
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes())
  }
}
