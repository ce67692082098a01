/**
 * When something can be tried again, as the end of "Try again".
 *
 * @param millis how long the server requires to wait; absent or 0: it does not say
 */
export const laterText = (millis: number | undefined): string => {
  if (millis === undefined || millis <= 0) return "later"
  const seconds = Math.ceil(millis / 1000)
  const [count, unit] =
    seconds < 120
      ? [seconds, "second"]
      : seconds < 7200
        ? [Math.ceil(seconds / 60), "minute"]
        : [Math.ceil(seconds / 3600), "hour"]
  return `in ${count} ${unit}${count === 1 ? "" : "s"}`
}
