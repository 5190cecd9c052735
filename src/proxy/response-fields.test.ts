import { describe, expect, test } from "bun:test"
import { parseResponseHead } from "../http/h1/response-head.ts"
import { DEFAULT_HTTP_LIMITS } from "../http/limits.ts"
import { ResponseHead } from "../http/message.ts"
import { finishResponseFields, sanitizeResponseFields } from "./response-fields.ts"

function finish(lines: readonly string[], serviceTimeMs: number, edit?: (head: ResponseHead) => void): ResponseHead {
  const head = new ResponseHead()
  const text = `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
  expect(parseResponseHead(text, head, false, DEFAULT_HTTP_LIMITS)).toBeGreaterThanOrEqual(0)
  sanitizeResponseFields(head, serviceTimeMs)
  edit?.(head)
  finishResponseFields(head, edit !== undefined)
  return head
}

const imfFixdate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

describe("response fields (Istio semantics sheet 4.3)", () => {
  test("server is always ours, in one line", () => {
    for (const lines of [[], ["Server: nginx"], ["server: a", "SERVER: b"]]) {
      expect(finish(lines, -1).fields.joinedValue("server")).toBe("portcullis")
    }
  })

  test("the upstream's date is kept, a missing one is added", () => {
    expect(finish(["Date: then"], -1).fields.joinedValue("date")).toBe("then")
    expect(finish([], -1).fields.joinedValue("date")).toMatch(imfFixdate)
  })

  test("x-envoy-upstream-service-time is whole milliseconds, on answers of an upstream only", () => {
    const lines = ["X-Envoy-Upstream-Service-Time: 99999"]
    expect(finish(lines, 12.9).fields.joinedValue("x-envoy-upstream-service-time")).toBe("12")
    expect(finish(lines, -1).fields.joinedValue("x-envoy-upstream-service-time")).toBeNull()
  })

  test("mesh metadata and hop-by-hop fields of the upstream are removed", () => {
    const lines = ["x-envoy-peer-metadata: a", "x-envoy-peer-metadata-id: b", "x-envoy-decorator-operation: c"]
    const hop = ["Connection: keep-alive, X-Hop", "Keep-Alive: 5", "X-Hop: 1", "Transfer-Encoding: chunked", "Kept: y"]
    expect(finish([...lines, ...hop], -1).fields.lines()).toMatch(/^Kept: y\r\ndate: [^\r]*\r\nserver: portcullis\r\n$/)
  })

  test("a length that Connection names stays: the message ends where it ended", () => {
    const head = finish(["Connection: content-length", "Content-Length: 5"], -1)
    expect(head.fields.joinedValue("content-length")).toBe("5")
  })
})

describe("what no operation of a rule can change (Istio semantics sheet 3.10 (9))", () => {
  test("server", () => {
    const head = finish([], 5, ({ fields }) => fields.append("Server", "mine"))
    expect(head.fields.joinedValue("server")).toBe("portcullis")
  })

  test("but x-envoy-upstream-service-time, as in Envoy, it may", () => {
    const head = finish([], 5, ({ fields }) => fields.dropNamed("x-envoy-upstream-service-time"))
    expect(head.fields.joinedValue("x-envoy-upstream-service-time")).toBeNull()
  })

  test("there is one date: the rule's, the upstream's, or ours", () => {
    const set = finish(["Date: then"], -1, ({ fields }) => {
      fields.dropNamed("date")
      fields.append("Date", "mine")
    })
    expect(set.fields.joinedValue("date")).toBe("mine")
    const removed = finish(["Date: then"], -1, ({ fields }) => fields.dropNamed("date"))
    expect(removed.fields.joinedValue("date")).toMatch(imfFixdate)
  })
})
