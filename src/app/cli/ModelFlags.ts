import { Option } from "effect"
import { Flag } from "effect/cli"

/** The value of `--model` for a session without one. */
export const noModel = "none"

/** The flags about the model of a conversation, and about what it may call. */
export const modelFlags = {
  model: Flag.String("model").pipe(
    Flag.withMetavar("PROVIDER:NAME"),
    Flag.withDescription("Ask this model"),
    Flag.optional
  ),
  baseUrl: Flag.String("base-url").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("Where the model is: a server that speaks Chat Completions"),
    Flag.optional
  ),
  allow: Flag.String("allow").pipe(
    Flag.withMetavar("SERVER:TOOL"),
    Flag.withDescription("Let a tool run without a question; * is any part; repeatable"),
    Flag.between(0, 1000)
  ),
  allowReadOnly: Flag.Boolean("allow-read-only").pipe(
    Flag.withDescription("Let tools that say that they only read run without a question"),
    Flag.withDefault(false)
  )
}

/** Their values. */
export interface ModelFlags {
  readonly model: Option.Option<string>
  readonly baseUrl: Option.Option<string>
  readonly allow: ReadonlyArray<string>
  readonly allowReadOnly: boolean
}

/** The flags of a conversation at a terminal. */
export const chatFlags = {
  ...modelFlags,
  model: modelFlags.model.pipe(Flag.withDescription(`Talk to this model; ${noModel}: only commands`)),
  continues: Flag.Boolean("continue").pipe(
    Flag.withDescription("Go on with the last conversation that was kept"),
    Flag.withDefault(false)
  ),
  resume: Flag.String("resume").pipe(
    Flag.withMetavar("ID"),
    Flag.withDescription("Go on with this conversation; a wrong ID lists them"),
    Flag.optional
  ),
  save: Flag.Boolean("save").pipe(
    Flag.withDescription("Keep the conversation, where the configuration says so (--no-save: not this one)"),
    Flag.withDefault(true)
  )
}

/** Their values. */
export interface ChatFlags extends ModelFlags {
  readonly continues: boolean
  readonly resume: Option.Option<string>
  readonly save: boolean
}

/** A session without them. */
export const noChatFlags: ChatFlags = {
  model: Option.none(),
  baseUrl: Option.none(),
  allow: [],
  allowReadOnly: false,
  continues: false,
  resume: Option.none(),
  save: true
}

/** The flags that only a conversation with a model can follow. */
export const conversationFlags = ({
  allow,
  allowReadOnly,
  baseUrl,
  continues,
  model,
  resume
}: ChatFlags): ReadonlyArray<string> =>
  [
    { flag: "--continue", isGiven: continues },
    { flag: "--resume", isGiven: Option.isSome(resume) },
    { flag: "--model", isGiven: Option.isSome(model) && model.value !== noModel },
    { flag: "--base-url", isGiven: Option.isSome(baseUrl) },
    { flag: "--allow", isGiven: allow.length > 0 },
    { flag: "--allow-read-only", isGiven: allowReadOnly }
  ].flatMap(({ flag, isGiven }) => (isGiven ? [flag] : []))
