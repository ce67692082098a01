/** Why a sign-in may be lost without a fault of the product. No client can prevent any of these. */
export const excuses = {
  crashed:
    "The process that waited for an answer, or held it unwritten, crashed: the only copy of the new refresh token is gone.",
  "answer lost":
    "The server rotated the token, and its answer never arrived: RFC 6749 has no request for the same answer again.",
  "write failed":
    "The store refused or lost a write of the new token: until a later write succeeds, only one process has it.",
  "arrived late":
    "A request reached the server after its sender had given up and the token had been sent again: no timeout is as long as a network can hold a request.",
  "paused with a lease":
    "A process was paused between its check of the lease and the end of its request: the lease expired meanwhile, and the token cannot carry a condition."
} as const

/** One of {@link excuses}. */
export type Excuse = keyof typeof excuses

/** The excuses of one run, by sign-in. One sign-in that may be lost does not excuse the next. */
export class Excuses {
  readonly #byFamily = new Map<string, Excuse>()
  readonly #trace: (line: string) => void

  constructor(trace: (line: string) => void) {
    this.#trace = trace
  }

  /** A sign-in may be lost from now on. */
  add(family: string | undefined, excuse: Excuse, detail: string): void {
    if (family === undefined || this.#byFamily.has(family)) return
    this.#byFamily.set(family, excuse)
    this.#trace(`excuse for ${family}, ${excuse}: ${detail}`)
  }

  has(family: string): boolean {
    return this.#byFamily.has(family)
  }

  get all(): ReadonlyArray<Excuse> {
    return [...this.#byFamily.values()]
  }
}
