/** A browser that a process opens for a sign-in that no user asked for. */
export interface Opening {
  /** Milliseconds since the epoch, by the clock of the machine. */
  readonly time: number
  /** The process with the callback listener, or {@link endedPid}. */
  readonly pid: number
  /** Which of the servers with one name it is for. Absent: any of them, as earlier versions recorded it. */
  readonly tag?: string | undefined
}

/** Milliseconds in which openings count: longer than a sign-in waits for its user. */
export const quietPeriod = 600_000

/** Openings in that time. The second one is for a user whose first page has nothing to return to. */
export const maxOpenings = 2

/**
 * In place of a process whose page is done with: its sign-in has succeeded, or it ends. No process has it: pids of Windows are
 * even, others smaller.
 */
export const endedPid = 2 ** 31 - 1

/** The process that decides. */
export interface Candidate {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly pid: number
  readonly tag: string
  /** True if a process of this machine runs. */
  readonly isRunning: (pid: number) => boolean
}

/** Whether a process may open the browser, and what is to be recorded then. */
export interface Election {
  readonly isElected: boolean
  readonly openings: ReadonlyArray<Opening>
}

/**
 * The openings that still count. One that seems to lie ahead was made before the clock was set back, at a time that nothing
 * tells. It counts from now on: else each such clock would open a browser, or forbid it until that time.
 */
const recent = (openings: ReadonlyArray<Opening>, now: number): ReadonlyArray<Opening> =>
  openings
    .map((opening) => ({ ...opening, time: Math.min(opening.time, now) }))
    .filter(({ time }) => now - time < quietPeriod)

const isFor = (opening: Opening, tag: string): boolean => (opening.tag ?? tag) === tag

/**
 * Decides whether a process opens the browser. Another one follows within the quiet period only if the process of the first
 * has died with its callback listener, or its sign-in has succeeded; and once. So a client that starts a server again and
 * again opens two.
 *
 * The opening is recorded before it happens: a process that dies in between has opened one.
 */
export const elect = (
  openings: ReadonlyArray<Opening>,
  { isRunning, now, pid, tag }: Candidate
): Election => {
  const kept = recent(openings, now)
  const counted = kept.filter((opening) => isFor(opening, tag))
  const isElected = counted.length < maxOpenings && !counted.some((opening) => isRunning(opening.pid))
  return { isElected, openings: isElected ? [...kept, { time: now, pid, tag }] : kept }
}

/**
 * How the sign-in of an elected process ended.
 *
 * - `not shown`: it failed before the browser opened, or another process had signed in.
 * - `refused`: by the user or the authorization server, or what came back was rejected.
 * - `stopped`: the process ends, and gives the lock back before it is gone.
 * - `unanswered`: the page was shown, and nothing came back.
 */
export type ElectedEnd = "succeeded" | "refused" | "not shown" | "stopped" | "unanswered"

/** What is recorded after the sign-in of an elected process. */
export const afterSignIn = (
  openings: ReadonlyArray<Opening>,
  end: ElectedEnd,
  { now, pid, tag }: Omit<Candidate, "isRunning">
): ReadonlyArray<Opening> => {
  switch (end) {
    case "unanswered":
      return openings
    case "not shown": {
      const own = openings.findLastIndex((opening) => opening.pid === pid)
      return openings.filter((_, index) => index !== own)
    }
    // Clients start a server again after an error: the user should not see the same page again.
    case "refused":
      return [
        ...openings.filter((opening) => !isFor(opening, tag)),
        ...Array.from({ length: maxOpenings }, () => ({ time: now, pid, tag }))
      ]
    // A user who signs out may be asked once more. A server that accepts none of its tokens must not open one each time.
    case "succeeded":
    case "stopped":
      return openings.map((opening) => (opening.pid === pid ? { ...opening, pid: endedPid } : opening))
  }
}
