import { authorizationScenarios, revisions, runRequirements, runScenario } from "./Suite.ts"

// `npm run conformance`: the official suite's scenarios about authorization, each alone, and the frozen requirements.

const names = await authorizationScenarios()
const width = Math.max(...names.map(({ length }) => length))
let failed = 0
let checks = 0
for (const name of names) {
  const { code, complaints, passed } = await runScenario(name)
  const good = code === 0 && complaints.length === 0 && passed > 0
  checks += passed
  if (!good) failed += 1
  console.log(`${name.padEnd(width)}  ${good ? "SUCCESS" : "FAILED "}  ${passed} checks`)
  for (const complaint of complaints) console.log(`  ${complaint}`)
}
console.log(`${names.length - failed} of ${names.length} scenarios, ${checks} checks`)
for (const revision of revisions) {
  const { code, output } = await runRequirements(revision)
  if (code !== 0) {
    failed += 1
    console.log(output)
  }
  console.log(`--requirements ${revision}: exit ${code}`)
}
process.exitCode = failed === 0 ? 0 : 1
