/** Preloaded into a measured program: appends its CPU time in milliseconds to the file `CPU_LOG`. */
const { appendFileSync } = require("node:fs")

process.on("exit", () => {
  const { system, user } = process.cpuUsage()
  appendFileSync(process.env.CPU_LOG, `${(system + user) / 1000}\n`)
})
