/** What outlier detection takes a response for (Istio semantics sheet 6.6). */
import { expect, test } from "bun:test"
import { RequestHead, ResponseHead } from "../http/message.ts"
import { judgedStatus } from "./judged-status.ts"

function judged(contentType: string, status: number, grpcStatus: string): number {
  const request = new RequestHead()
  request.reset("")
  request.fields.insert("content-type", contentType)
  const head = new ResponseHead()
  head.reset("")
  head.status = status
  if (grpcStatus !== "") head.fields.insert("grpc-status", grpcStatus)
  return judgedStatus(request, head)
}

test("an HTTP status counts as it is", () => {
  expect(judged("text/plain", 503, "")).toBe(503)
  expect(judged("text/plain", 200, "14")).toBe(200)
  expect(judged("application/grpc", 200, "")).toBe(200)
})

test("gRPC's own status counts where there is nothing else: unavailable is a 503", () => {
  expect(judged("application/grpc", 200, "14")).toBe(503)
  expect(judged("application/grpc", 200, "0")).toBe(200)
})
