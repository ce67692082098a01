import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** A span as OTLP has it in JSON, as far as this example shows it. */
export interface Span {
  readonly name: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<{
    readonly key: string
    readonly value: Readonly<Record<string, unknown>>
  }>
}

interface Traces {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: Span["attributes"] }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
  }>
}

interface Metrics {
  readonly resourceMetrics: ReadonlyArray<{
    readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<{ readonly name: string }> }>
  }>
}

/** A request of an exporter, as it came. */
export interface Received {
  readonly path: string
  readonly headers: NodeJS.Dict<string | Array<string>>
  readonly body: string
}

/** A running collector: OTLP over HTTP in JSON, in memory. */
export interface Collector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string
  readonly received: ReadonlyArray<Received>
  readonly spans: () => ReadonlyArray<Span>
  readonly metrics: () => ReadonlyArray<string>
  readonly close: () => Promise<void>
}

/** Starts a collector on loopback. */
export const startCollector = async (): Promise<Collector> => {
  const received: Array<Received> = []
  const http = createServer(async (request, response) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    received.push({
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8")
    })
    response.setHeader("content-type", "application/json").end("{}")
  })
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done))
  const bodies = <A>(path: string) =>
    received.filter((request) => request.path === path).map(({ body }) => JSON.parse(body) as A)
  return {
    endpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    received,
    spans: () =>
      bodies<Traces>("/v1/traces").flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
      ),
    metrics: () =>
      bodies<Metrics>("/v1/metrics").flatMap(({ resourceMetrics }) =>
        resourceMetrics.flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name))
        )
      ),
    close: () =>
      new Promise((done) => {
        http.close(() => done())
        http.closeAllConnections()
      })
  }
}
