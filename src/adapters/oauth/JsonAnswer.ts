import { Option, Schema } from "effect"

/** The members of a JSON object. */
export type JsonMembers = Readonly<Record<string, unknown>>

const decode = Schema.decodeOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/**
 * The members of the JSON object in a text; none if it holds no object. Members that are `null` or an empty string are
 * dropped: some servers write them where the RFCs leave a member out.
 */
export const readJsonObject = (text: string): Option.Option<JsonMembers> =>
  Option.map(decode(text), (json) =>
    Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null && value !== ""))
  )
