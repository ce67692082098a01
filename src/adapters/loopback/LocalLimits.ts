/** Timeouts and sizes of the listener for local programs. An answer has no timeout: it may be a stream. */
export interface LocalLimits {
  /** Milliseconds until the head of a request must be there (slow loris). */
  readonly head: number
  /** Milliseconds until a request with its body must be there. */
  readonly request: number
  /** Milliseconds that a connection may be idle between two requests. */
  readonly idle: number
  /** Bytes of the headers of a request. */
  readonly headers: number
}

/** A program on this machine sends its head at once, and 256 MiB within seconds. Clients keep connections for about a minute. */
export const localLimits: LocalLimits = { head: 10_000, request: 300_000, idle: 75_000, headers: 65_536 }

/** Milliseconds that a program has to accept a connection to its Unix socket. */
export const probeTimeout = 1000
