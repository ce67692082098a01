import { clientScenarios, runScenario } from "./Suite.ts"

// `npm run conformance:proxy`: every scenario of the official suite for clients, each alone, through `mcp-cli proxy`.

const print = (line: string) => process.stdout.write(`${line}\n`)

/** Scenarios of an extension that the client of the SDK does not have: the suite skips their checks. */
const isSkills = (name: string) => name.startsWith("sep-2640-")

const names = (await clientScenarios()).filter((name) => !isSkills(name))
const width = Math.max(...names.map(({ length }) => length))
let failed = 0
let checks = 0
for (const name of names) {
  const { code, complaints, passed } = await runScenario(name, "proxyClient.ts")
  const good = code === 0 && complaints.length === 0 && passed > 0
  checks += passed
  if (!good) failed += 1
  print(`${name.padEnd(width)}  ${good ? "SUCCESS" : "FAILED "}  ${passed} checks`)
  for (const complaint of complaints) print(`  ${complaint}`)
}
print(`${names.length - failed} of ${names.length} scenarios, ${checks} checks`)
process.exitCode = failed === 0 ? 0 : 1
