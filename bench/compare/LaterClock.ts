// @effect-diagnostics globalDate:off

/**
 * Runs something with the clock of this process set forward, for the servers and the clients in it alike. Timers go on
 * in real time.
 */
export const minutesLater = async <A>(minutes: number, run: () => Promise<A>): Promise<A> => {
  const real = Date.now
  Date.now = () => real() + minutes * 60_000
  try {
    return await run()
  } finally {
    Date.now = real
  }
}
