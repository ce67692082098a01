import * as Remedy from "../../domain/Remedy.ts"

/** The code of an error of Node, as in `ENOENT`; absent: it has none. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined

const meanings: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "it does not exist",
  ENOTDIR: "a part of its path is a file",
  EISDIR: "it is a folder",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the limit on the size of files is reached",
  EROFS: "the file system is read-only",
  ELOOP: "it is a symbolic link",
  ENAMETOOLONG: "its name is too long"
}

/** What the code of a file system error means, in words. An unknown code is returned as it is. */
export const explainErrno = (code: string | undefined): string =>
  code === undefined ? "unknown error" : (meanings[code] ?? code)

const freeSpace = Remedy.advice(
  "Free some space on that disk, then try again. If df shows free space, df -i shows whether it has too many files."
)
const remedies: Readonly<Record<string, ReadonlyArray<Remedy.Remedy>>> = {
  ENOSPC: [freeSpace],
  EDQUOT: [Remedy.advice("Delete files of yours on that disk, or ask for a larger quota, then try again.")],
  EFBIG: [Remedy.advice("Raise the limit (ulimit -f), then try again.")],
  EROFS: [Remedy.advice("Mount it for writing, then try again.")]
}

/** What fixes a file system error; empty: its text says enough. */
export const remediesOfErrno = (code: string | undefined): ReadonlyArray<Remedy.Remedy> =>
  remedies[code ?? ""] ?? []

const useOtherHome = Remedy.advice(
  "mcp-cli needs a folder below HOME: set that to one which this user can write to."
)

/** What fixes an error in the folder of mcp-cli. In a container, the user may have no home folder to write to. */
export const remediesOfStore = (code: string | undefined): ReadonlyArray<Remedy.Remedy> => [
  ...remediesOfErrno(code),
  ...(/^(EACCES|EPERM|EROFS)$/.test(code ?? "") ? [useOtherHome] : [])
]
