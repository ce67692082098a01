// Preloaded: a process that was stopped and goes on takes it for a minute of sleep, and looks at the clock sooner than every 15 s.
const now = Date.now
const later = globalThis.setTimeout
let slept = 0
Date.now = () => now() + slept
process.on("SIGCONT", () => {
  slept += 60_000
})
globalThis.setTimeout = ((run: () => void, delay: number, ...rest: ReadonlyArray<never>) =>
  later(run, delay === 15_000 ? 100 : delay, ...rest)) as typeof setTimeout
