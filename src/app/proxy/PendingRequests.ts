import type { JsonRpcMessage } from "../../domain/JsonRpcMessage.ts"

/** A request of the client that waits for its response. */
export interface PendingRequest {
  readonly request: JsonRpcMessage
  isAnswered: boolean
  /** True once the client has said that it no longer waits: it needs no response. */
  isCancelled: boolean
  /** How often it was looked at since the server said something about it. Undefined: the server does not have it. */
  silentLooks: number | undefined
  /** Stops what still waits for a response that came another way. */
  stop: (() => void) | undefined
}

/**
 * The requests of the client that wait for their responses. Each gets one, whatever the server sends: a second response to the
 * same request, and one to no request, have no receiver.
 */
export class PendingRequests {
  readonly #byId = new Map<string, Array<PendingRequest>>()

  add(request: JsonRpcMessage): PendingRequest {
    const pending: PendingRequest = {
      request,
      isAnswered: false,
      isCancelled: false,
      silentLooks: undefined,
      stop: undefined
    }
    const key = request.idKey ?? ""
    const same = this.#byId.get(key)
    if (same === undefined) this.#byId.set(key, [pending])
    else same.push(pending)
    return pending
  }

  /** Those that are neither answered nor cancelled. */
  get all(): Iterable<PendingRequest> {
    return [...this.#byId.values()]
      .flat()
      .filter(({ isAnswered, isCancelled }) => !isAnswered && !isCancelled)
  }

  /** Ends a request. It keeps no place for a response. */
  remove(pending: PendingRequest): void {
    const key = pending.request.idKey ?? ""
    const others = this.#byId.get(key)?.filter((other) => other !== pending) ?? []
    if (others.length === 0) this.#byId.delete(key)
    else this.#byId.set(key, others)
  }

  /**
   * The request that a response is for, which is answered from now on; `undefined` if none waits for it.
   *
   * @param expected the request that the response came for, as far as the server's stream tells
   */
  answer(response: JsonRpcMessage, expected?: PendingRequest): PendingRequest | undefined {
    const waiting =
      expected !== undefined && response.answers(expected.request)
        ? expected.isAnswered
          ? undefined
          : expected
        : this.#byId.get(response.idKey ?? "")?.find(({ isAnswered }) => !isAnswered)
    if (waiting !== undefined) waiting.isAnswered = true
    return waiting
  }

  /** Marks the request with this id as cancelled. */
  cancel(idKey: string): PendingRequest | undefined {
    const pending = this.#byId.get(idKey)?.find(({ isAnswered }) => !isAnswered)
    if (pending !== undefined) pending.isCancelled = true
    return pending
  }
}
