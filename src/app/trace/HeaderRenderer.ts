import { parseChallenges } from "../../domain/Challenge.ts"
import { basicCredentials, publicSchemes } from "../../domain/Redaction.ts"
import type { Piece, ShownText } from "../../domain/TraceEvent.ts"
import { type Marks, open } from "./Marks.ts"
import type { Places } from "./Places.ts"
import { publicHeaders, publicInChallenge } from "./PublicNames.ts"
import type { Renderer } from "./Renderer.ts"

/**
 * Makes a function that shows the value of a header, and strikes out what is not public.
 *
 * @param options.configuredHeaders names of headers that are struck out as a whole
 */
export const makeHeaderRenderer = (options: {
  readonly marks: Marks
  readonly places: Places
  readonly renderer: Renderer
  readonly configuredHeaders: ReadonlyArray<string>
}): ((name: string, value: string, about: URL) => ShownText) => {
  const { marks, places, renderer } = options
  const configured = new Set(options.configuredHeaders.map((name) => name.toLowerCase()))

  const challenges = (header: string): ShownText => {
    const pieces: Array<Piece> = []
    for (const { parameters, scheme } of parseChallenges(header)) {
      if (pieces.length > 0) pieces.push(open(", "))
      pieces.push(publicSchemes.has(scheme) ? open(scheme) : marks.strike(scheme, false))
      let separator = " "
      for (const { name, value } of renderer.fields(publicInChallenge, Object.entries(parameters))) {
        pieces.push(open(`${separator}${name}="`), ...value, open('"'))
        separator = ", "
      }
    }
    return pieces.length === 0 ? [marks.strike(header, false)] : pieces
  }

  /** Shows the scheme, and of Basic the client; strikes out the proof. */
  const credentials = (header: string): ShownText => {
    const [, scheme = "", proof = ""] = /^(\S+) +(.*)$/s.exec(header) ?? []
    if (!publicSchemes.has(scheme.toLowerCase())) return [marks.strike(header, true)]
    const client = scheme.toLowerCase() === "basic" ? basicCredentials(proof) : undefined
    if (client === undefined) return [open(`${scheme} `), marks.strike(proof, true)]
    marks.seek(proof)
    marks.seek(client.encodedSecret)
    return [
      open(`${scheme} (client_id `),
      ...marks.without(client.clientId),
      open(", client_secret "),
      marks.strike(client.clientSecret, true),
      open(")")
    ]
  }

  const location = (text: string, about: URL): ShownText => {
    const url = URL.parse(text, about.href)
    return url === null ? [marks.strike(text, false)] : renderer.address(url.href, places.isKnown(url))
  }

  return (name, value, about) => {
    if (configured.has(name)) return [marks.strike(value, true)]
    switch (name) {
      case "authorization":
        return credentials(value)
      case "www-authenticate":
        return challenges(value)
      case "location":
        return location(value, about)
      default:
        return renderer.value(
          Object.hasOwn(publicHeaders, name) ? publicHeaders[name] : undefined,
          name,
          value
        )
    }
  }
}
