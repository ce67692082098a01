// Preloaded: sets the clock of a process forward by more than the hour that an access token lives, `HOURS_LATER` times.
const real = Date.now
const hours = Number(process.env["HOURS_LATER"] ?? 1)
Date.now = () => real() + hours * 61 * 60_000
