/** Preloaded into a measured program: appends its peak memory in MiB to the file `PEAK_LOG`. */
const { appendFileSync } = require("node:fs")

process.on("exit", () => appendFileSync(process.env.PEAK_LOG, `${process.resourceUsage().maxRSS / 1024}\n`))
