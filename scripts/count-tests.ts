import { readFileSync } from "node:fs"

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

/** Prints how many tests passed and failed, by vitest's JSON report; on CI a skipped one, or none at all, is a failure. */
const read = (path: string): Report => {
  const text = readFileSync(path, "utf8")
  return text === "" ? { testResults: [] } : (JSON.parse(text) as Report)
}

const { testResults } = read(process.argv[2] ?? "")
const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
const passed = tests.filter(({ status }) => status === "passed").length
// A file that could not be loaded has no tests to fail.
const broken = testResults.filter(
  ({ assertionResults, status }) => status === "failed" && assertionResults.length === 0
).length
const failed = tests.filter(({ status }) => status === "failed").length + broken
const skipped = tests.filter(({ status }) => status !== "passed" && status !== "failed")
for (const { fullName } of skipped) process.stdout.write(`skipped: ${fullName}\n`)
const isBad = failed > 0 || passed === 0 || (process.env["CI"] === "true" && skipped.length > 0)
process.stdout.write(
  `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}\n`
)
process.exitCode = isBad ? 1 : 0
