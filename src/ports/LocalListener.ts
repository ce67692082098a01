import { Context, type Effect, Schema, type Scope } from "effect"
import { advice, Remedy } from "../domain/Remedy.ts"

/** Where local programs reach a listener. */
export type LocalPlace =
  /** A port of 127.0.0.1 and ::1. To listen, 0 means a free one. */
  | { readonly _tag: "Port"; readonly port: number }
  /** A Unix socket that only this user can open. */
  | { readonly _tag: "Socket"; readonly path: string }

/** A port or a socket cannot be listened at. */
export class LocalListenError extends Schema.TaggedError<LocalListenError>()("LocalListenError", {
  /** `port 8080`, or the path of a socket. */
  place: Schema.String,
  detail: Schema.String,
  fixes: Schema.optionalKey(Schema.Array(Remedy))
}) {
  override get message(): string {
    return `Cannot listen at ${this.place}: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return this.fixes ?? [advice("Choose another port or path, or end the program that uses it.")]
  }
}

/** The name, in lower case, and the value of a header. */
export type HeaderField = readonly [name: string, value: string]

/** A request of a local program. */
export interface LocalRequest {
  readonly method: string
  /** The request target as it was sent. */
  readonly target: string
  /** Every header as it was sent, repeated ones too. */
  readonly headers: ReadonlyArray<HeaderField>
  /** Reads the body. Undefined: it is longer than that. */
  readonly body: (maxBytes: number) => Effect.Effect<Uint8Array<ArrayBuffer> | undefined>
  /** True if another user of this machine may have sent it. Linux only: other systems do not tell. */
  readonly mayBeOfAnotherUser: () => boolean
}

/** The answer to a {@link LocalRequest}. */
export interface LocalAnswer {
  readonly status: number
  readonly headers: ReadonlyArray<HeaderField>
  /** A stream is read only as fast as the program reads the answer, and is cancelled if the program does not wait for it. */
  readonly body: ReadableStream<Uint8Array> | string | null
}

/** Serves HTTP to programs of this machine, and to no other machine. */
export class LocalListener extends Context.Service<
  LocalListener,
  {
    /**
     * Answers requests until the scope closes, which ends every connection. A request whose connection closes interrupts
     * `handle`.
     *
     * @returns where it listens, with the actual port
     */
    readonly listen: (
      place: LocalPlace,
      handle: (request: LocalRequest, at: LocalPlace) => Effect.Effect<LocalAnswer>
    ) => Effect.Effect<LocalPlace, LocalListenError, Scope.Scope>
  }
>()("mcp-cli-oauth/ports/LocalListener") {}
