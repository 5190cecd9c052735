import { expect, test } from "bun:test"
import { isValidReferer } from "./referer.ts"

test("9110 section 10.1.3: a URI or a relative reference", () => {
  for (const value of [
    "https://a.example/",
    "https://a.example:8080/x/y?z=%20&q=a@b",
    "http://a",
    "http://a?q",
    "http://[::1]:80/x",
    "/x?y",
    "//a.example/x",
    "x/y",
    "android-app://com.example/",
    "about:blank",
    "/login?to=https://u@a/",
    "x//u@a",
    "https:/u@a",
  ]) {
    expect([value, isValidReferer(value)]).toEqual([value, true])
  }
})

test("9110 section 10.1.3: no userinfo, no fragment", () => {
  for (const value of ["https://u@a/", "https://u:p@a.example/x", "//u@a", "https://u@", "https://a/#f", "/x#", "#f"]) {
    expect([value, isValidReferer(value)]).toEqual([value, false])
  }
})

test("what is no URI is none", () => {
  for (const value of ["", "a b", "https://a/\xe9", 'https://a/"', "https://a/<b>", "\\x"]) {
    expect([value, isValidReferer(value)]).toEqual([value, false])
  }
})
