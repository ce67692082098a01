/** The body of a message that becomes one of the platform once its body is read as a whole, or copied. */
export abstract class BareBody<Message extends Request | Response> implements Body {
  #whole: Message | undefined

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
    return this.#whole?.bodyUsed ?? false
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.whole.arrayBuffer()
  }

  blob(): Promise<Blob> {
    return this.whole.blob()
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.whole.bytes()
  }

  formData(): Promise<FormData> {
    return this.whole.formData()
  }

  json(): Promise<unknown> {
    return this.whole.json()
  }

  text(): Promise<string> {
    return this.whole.text()
  }
}
