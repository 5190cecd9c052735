import { afterEach, expect, setSystemTime, test } from "bun:test"
import { httpDate } from "./http-date.ts"

afterEach(() => {
  setSystemTime()
})

test("9110 section 5.6.7: IMF-fixdate of the present second", () => {
  setSystemTime(new Date(Date.UTC(1994, 10, 6, 8, 49, 37, 999)))
  expect(httpDate()).toBe("Sun, 06 Nov 1994 08:49:37 GMT")
  setSystemTime(new Date(Date.UTC(1994, 10, 6, 8, 49, 38, 0)))
  expect(httpDate()).toBe("Sun, 06 Nov 1994 08:49:38 GMT")
  setSystemTime(new Date(Date.UTC(1994, 10, 6, 8, 49, 36, 0)))
  expect(httpDate()).toBe("Sun, 06 Nov 1994 08:49:36 GMT")
})
