import { Option, Schema } from "effect"
import type { Sdk } from "./ErrorOfClient.ts"

const decodeSupported = Schema.decodeUnknownOption(
  Schema.Struct({ supported: Schema.NonEmptyArray(Schema.String) })
)
const decodeBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ data: Schema.Unknown }) }))
)

/** The versions that an error lists as supported (MCP "Version Negotiation"). None for other errors. */
export const supportedVersions = (sdk: Sdk, error: unknown): Option.Option<ReadonlyArray<string>> => {
  if (error instanceof sdk.ProtocolError)
    return Option.map(decodeSupported(error.data), (data) => data.supported)
  if (!(error instanceof sdk.SdkHttpError)) return Option.none()
  return decodeBody(error.data["text"]).pipe(
    Option.flatMap((body) => decodeSupported(body.error.data)),
    Option.map((data) => data.supported)
  )
}

/** The newest version for `initialize` that this client and a server speak, by an error that lists what it supports. */
export const versionToOffer = (sdk: Sdk, error: unknown): string | undefined =>
  supportedVersions(sdk, error).pipe(
    Option.flatMapNullishOr((supported) =>
      sdk.SUPPORTED_PROTOCOL_VERSIONS.find((version) => supported.includes(version))
    ),
    Option.getOrUndefined
  )
