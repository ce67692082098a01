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
  EROFS: "the file system is read-only",
  ELOOP: "it is a symbolic link",
  ENAMETOOLONG: "its name is too long"
}

/** What the code of a file system error means, in words. An unknown code is returned as it is. */
export const explainErrno = (code: string | undefined): string =>
  code === undefined ? "unknown error" : (meanings[code] ?? code)
