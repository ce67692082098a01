import { printable } from "../../domain/PrintableText.ts"

/** Says that an answer redirects, and where to. The query of the place is left out: it may hold a secret. */
export const redirectText = ({ headers }: Response): string => {
  const location = headers.get("location") ?? ""
  const url = URL.parse(location)
  const place = url === null ? (location.split(/[?#]/)[0] ?? "") : `${url.origin}${url.pathname}`
  return `it redirects${place === "" ? "" : ` to ${printable(place)}`}, which is not followed`
}
