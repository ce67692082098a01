/** Why a sign-in may be lost without a fault of the product. No client can prevent any of these. */
export const excuses = {
  crashed:
    "The process that waited for an answer, or held it unwritten, crashed: the only copy of the new refresh token is gone.",
  "answer lost":
    "The server rotated the token, and its answer never arrived: RFC 6749 has no request for the same answer again.",
  "write failed":
    "The store refused or lost the write of the new token: until a later write succeeds, only one process has it.",
  "arrived late":
    "A request reached the server after its sender had given up and waited as long as the rule says: a network may hold a request for longer.",
  "paused before sending":
    "A process was paused between its check of the lock or lease and its request: another process has taken over meanwhile, and a refresh request cannot carry a condition.",
  "paused before writing":
    "A process was paused between its request and the write of the answer: its lease ended meanwhile, and the next holder cannot know that the token was used.",
  "cut off":
    "No answer of the store reached the process that held the new token until its lease had ended: the next holder cannot know that the token was used.",
  copied: "The network delivered a request twice: to the server both look like the client's.",
  "foreign program": "A program that ignores the lock used the refresh token, or replaced the record.",
  "late write":
    "A write that its sender had given up arrived after a newer one, at a store without check-and-set.",
  "versions restarted":
    "A check-and-set in Vault was sent for a record that was then removed, and created again with as many versions: a removal restarts their count, and nothing else tells the two apart.",
  "lock removed":
    "The lock was removed between its last check and the request: nothing in a refresh request depends on the lock.",
  "clock jumped": "A clock jumped during a wait that several processes agree on by the time of day.",
  "client forgotten": "The authorization server has forgotten the client, and all its sign-ins with it.",
  "signed out": "The user has signed out."
} as const

/** One of {@link excuses}. */
export type Excuse = keyof typeof excuses

/** The excuses of one run, by sign-in. One sign-in that may be lost does not excuse the next. */
export class Excuses {
  readonly #byFamily = new Map<string, Excuse>()
  readonly #ended: Array<Excuse> = []
  readonly #endedAt = new Map<string, number>()
  readonly #trace: (line: string) => void
  readonly #now: () => number

  constructor(trace: (line: string) => void, now: () => number) {
    this.#trace = trace
    this.#now = now
  }

  /** A sign-in may be lost from now on. */
  add(family: string | undefined, excuse: Excuse, detail: string): void {
    if (family === undefined || this.#byFamily.has(family)) return
    this.#byFamily.set(family, excuse)
    this.#trace(`excuse for ${family}, ${excuse}: ${detail}`)
  }

  /** What excused a sign-in is over, and it is not lost. */
  end(family: string): void {
    const excuse = this.#byFamily.get(family)
    if (excuse === undefined) return
    this.#byFamily.delete(family)
    this.#ended.push(excuse)
    this.#endedAt.set(family, this.#now())
    this.#trace(`${family} is no longer excused: ${excuse}`)
  }

  of(family: string): Excuse | undefined {
    return this.#byFamily.get(family)
  }

  has(family: string): boolean {
    return this.#byFamily.has(family)
  }

  /** A sign-in is excused now, or was at some time since. */
  hasSince(family: string, since: number): boolean {
    return this.has(family) || (this.#endedAt.get(family) ?? -Infinity) >= since
  }

  /** Those in force at the end, and those that were over before. */
  get all(): ReadonlyArray<string> {
    return [...this.#byFamily.values(), ...this.#ended.map((excuse) => `${excuse} (over)`)]
  }
}
