import { authorizationScenarios, revisions, runRequirements, runScenario } from "./Suite.ts"

// `npm run conformance`: the official suite's scenarios about authorization, each alone, and the frozen requirements.

const print = (line: string) => process.stdout.write(`${line}\n`)

const names = await authorizationScenarios()
const width = Math.max(...names.map(({ length }) => length))
let failed = 0
let checks = 0
for (const name of names) {
  const { code, complaints, passed } = await runScenario(name)
  const good = code === 0 && complaints.length === 0 && passed > 0
  checks += passed
  if (!good) failed += 1
  print(`${name.padEnd(width)}  ${good ? "SUCCESS" : "FAILED "}  ${passed} checks`)
  for (const complaint of complaints) print(`  ${complaint}`)
}
print(`${names.length - failed} of ${names.length} scenarios, ${checks} checks`)
for (const revision of revisions) {
  const { code, output } = await runRequirements(revision)
  if (code !== 0) {
    failed += 1
    print(output)
  }
  print(`--requirements ${revision}: exit ${code}`)
}
process.exitCode = failed === 0 ? 0 : 1
