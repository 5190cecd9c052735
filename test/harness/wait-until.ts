/** Waits for what no event of the test's own tells of: a log line, a counter, a connection count. */
import { WAIT_MS_MAX } from "./raw-socket.ts"

/** Between two looks at the condition. */
const LOOK_MS = 1

/** @param what for the message when it never holds */
export async function waitUntil(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`never came: ${what}`)
    await Bun.sleep(LOOK_MS)
  }
}

/** So many looks without a change, and more than one loop turn each, count as standing still. */
const STILL_LOOKS = 50

/** Waits until a number has begun to grow and grows no more: what is under way is held back, or done. */
export async function waitUntilStill(value: () => number): Promise<void> {
  await waitUntil(() => value() > 0, "the first of many")
  let last = value()
  let looks = 0
  await waitUntil(() => {
    const now = value()
    looks = now === last ? looks + 1 : 0
    last = now
    return looks >= STILL_LOOKS
  }, "a standstill")
}
