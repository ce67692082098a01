// npm run build && node examples/telemetry/main.ts auth login notion
// Runs mcp-cli with these arguments beside a small collector, and shows the spans and metrics that it exports.

import { spawn } from "node:child_process"
import { resolve } from "node:path"
import { startCollector } from "./Collector.ts"

const collector = await startCollector()
const child = spawn(process.execPath, [resolve("dist/bin/mcp-cli.cjs"), ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint }
})
process.exitCode = await new Promise<number>((done) => child.once("close", (code) => done(code ?? 1)))

const say = (line: string) => process.stdout.write(`${line}\n`)
const spans = collector.spans()
const show = (parent: string | undefined, depth: number): void => {
  for (const span of spans.filter(({ parentSpanId }) => parentSpanId === parent)) {
    const milliseconds = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6
    const attributes = span.attributes.map(({ key, value }) => ` ${key}=${Object.values(value).join()}`)
    say(`${"  ".repeat(depth)}${span.name} ${milliseconds.toFixed(1)} ms${attributes.join("")}`)
    show(span.spanId, depth + 1)
  }
}
show(undefined, 0)
for (const name of new Set(collector.metrics())) say(`metric ${name}`)
await collector.close()
