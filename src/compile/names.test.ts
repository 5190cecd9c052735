import { describe, expect, test } from "bun:test"
import {
  clusterName,
  fullyQualifiedHost,
  httpRouteConfigurationName,
  listenerName,
  resolveGatewayName,
  virtualHostName,
} from "./names.ts"

describe("fullyQualifiedHost (Istio semantics sheet 3.1)", () => {
  test.each([
    ["reviews", "reviews.shop.svc.cluster.local"],
    ["reviews.prod", "reviews.prod"],
    ["*", "*"],
    ["10.0.0.1", "10.0.0.1"],
    ["::1", "::1"],
  ])("%s in namespace shop is %s", (written, whole) => {
    expect(fullyQualifiedHost(written, "shop")).toBe(whole)
  })
})

describe("resolveGatewayName (Istio semantics sheet 1.5)", () => {
  test.each([
    ["edge", "shop/edge"],
    ["infra/edge", "infra/edge"],
    ["./edge", "shop/edge"],
    ["edge.infra.svc.cluster.local", "infra/edge"],
    ["edge.infra", "infra/edge"],
    ["mesh", "mesh"],
  ])("%s in namespace shop is %s", (written, whole) => {
    expect(resolveGatewayName(written, "shop")).toBe(whole)
  })
})

test("names are istiod's (Istio semantics sheet 1.6)", () => {
  expect(clusterName(80, "", "reviews.shop.svc.cluster.local")).toBe("outbound|80||reviews.shop.svc.cluster.local")
  expect(clusterName(80, "v1", "api.com")).toBe("outbound|80|v1|api.com")
  expect(listenerName(null, 8080)).toBe("0.0.0.0_8080")
  expect(listenerName("127.0.0.1", 8080)).toBe("127.0.0.1_8080")
  expect(httpRouteConfigurationName(null, 8080)).toBe("http.8080")
  expect(httpRouteConfigurationName("127.0.0.1", 8080)).toBe("http.8080.127.0.0.1")
  expect(virtualHostName("a.com", 80)).toBe("a.com:80")
  expect(virtualHostName("::1", 80)).toBe("[::1]:80")
})
