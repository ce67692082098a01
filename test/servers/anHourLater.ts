// Preloaded: sets the clock of a process forward by more than the hour that an access token lives.
const real = Date.now
Date.now = () => real() + 61 * 60_000
