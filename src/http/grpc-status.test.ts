import { describe, expect, test } from "bun:test"
import { grpcStatusName, httpStatusOfGrpc, isGrpcContentType } from "./grpc-status.ts"

describe("gRPC statuses (Istio semantics sheet 5.3)", () => {
  test("each has its HTTP status", () => {
    const expected = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
    expect(expected.map((_, status) => httpStatusOfGrpc(status))).toEqual(expected)
    expect([httpStatusOfGrpc(17), httpStatusOfGrpc(99)]).toEqual([500, 500])
  })

  test("each has its name, and a number that gRPC does not know has none", () => {
    expect([grpcStatusName(0), grpcStatusName(16), grpcStatusName(17)]).toEqual(["OK", "UNAUTHENTICATED", null])
  })

  test("a request is gRPC by its content-type, and gRPC-Web is not gRPC", () => {
    const types = ["application/grpc", "application/grpc+proto", "application/grpc-web", "application/grp", ""]
    expect(types.map(isGrpcContentType)).toEqual([true, true, false, false, false])
  })
})
