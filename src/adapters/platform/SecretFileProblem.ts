import { codeOf } from "./Errno.ts"

/** Why the file of a secret cannot be read, as a predicate: `does not exist`. */
export const secretFileProblem = (cause: unknown): string => {
  const code = codeOf(cause) ?? "unknown reason"
  switch (code) {
    case "ENOENT":
      return "does not exist"
    case "EACCES":
    case "EPERM":
      return "cannot be read by this user"
    case "EISDIR":
      return "is a folder"
    case "EFBIG":
      return "is longer than any secret (64 KiB)"
    case "EILSEQ":
      return "is not UTF-8 text"
    default:
      return `cannot be read (${code})`
  }
}
