import { ConfigProvider, Console, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import { dispatchOptions } from "../adapters/http/Dispatching.ts"

/** A collector on this machine is reached without a proxy. */
const directFetch = Layer.succeed(FetchHttpClient.Fetch, async (input, init) =>
  globalThis.fetch(input, {
    ...init,
    ...(await dispatchOptions(new URL(input instanceof Request ? input.url : input)))
  })
)

/**
 * Exports spans and metrics by OTLP over HTTP (JSON), as the `OTEL_*` variables of the OpenTelemetry specification say.
 *
 * **Details**
 *
 * `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are
 * honoured, among others. Logs are not exported. Closing the layer sends what is left, for at most
 * `OTEL_EXPORTER_OTLP_TIMEOUT` milliseconds. Invalid variables are reported and nothing is exported.
 *
 * @param defaults values of variables that are not set
 */
export const layer = (defaults: { readonly version: string }) =>
  Layer.merge(OtlpTracer.layerFromConfig(), OtlpMetrics.layerFromConfig()).pipe(
    Layer.provide(Layer.merge(OtlpSerialization.layerJson, FetchHttpClient.layer)),
    Layer.provide(directFetch),
    Layer.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnv().pipe(
          ConfigProvider.orElse(
            ConfigProvider.fromEnv({
              env: {
                OTEL_SERVICE_NAME: "mcp-cli",
                OTEL_SERVICE_VERSION: defaults.version,
                OTEL_TRACES_EXPORTER: "otlp",
                OTEL_METRICS_EXPORTER: "otlp",
                // A collector that does not answer delays the end of a command by this long.
                OTEL_EXPORTER_OTLP_TIMEOUT: "1000"
              }
            })
          )
        )
      )
    ),
    Layer.catchCause(() =>
      Layer.effectDiscard(
        Console.error("mcp-cli: warning: the OTEL_* variables are invalid, and no telemetry is exported.")
      )
    )
  )
