import { describe, expect, test } from "bun:test"
import { compileExample, gateway } from "./example-configuration.ts"

function annotated(name: string, protocol: string, value: string | null, host = "*"): string {
  const yaml = gateway({ name, protocol, hosts: [host] })
  if (value === null) return yaml
  return yaml.replace(
    "namespace: default}",
    `namespace: default, annotations: {portcullis.dev/grpc-web: ${JSON.stringify(value)}}}`,
  )
}

function translationsOf(yaml: string): readonly boolean[] {
  const chains = compileExample(yaml).snapshot.listeners.flatMap(({ filterChains }) => filterChains)
  return chains.map((chain) => chain.kind === "http" && chain.translatesGrpcWeb)
}

describe("gRPC-Web is translated (Istio semantics sheet 1.1)", () => {
  test("on ports of protocol GRPC-WEB, in any case, and on no other plain ones", () => {
    const protocols = ["GRPC-WEB", "grpc-web", "HTTP", "HTTP2", "GRPC"]
    const on = protocols.map((protocol) => translationsOf(annotated("a", protocol, null)))
    expect(on).toEqual([[true], [true], [false], [false], [false]])
  })

  test("by annotation, which takes nothing from a port of that protocol", () => {
    expect(translationsOf(annotated("a", "HTTP", "true"))).toEqual([true])
    expect(translationsOf(annotated("a", "HTTP", "false"))).toEqual([false])
    expect(translationsOf(annotated("a", "GRPC-WEB", "false"))).toEqual([true])
  })

  test("for all plain servers of a port, when one of them asks for it", () => {
    const yaml = annotated("a", "HTTP", null, "a.example") + annotated("b", "HTTP", "true", "b.example")
    expect(translationsOf(yaml)).toEqual([true])
  })

  test("another value is an error, and translates nothing", () => {
    const { findings } = compileExample(annotated("a", "HTTP", "yes"))
    expect(findings).toEqual(['P3025 error Gateway default/a metadata.annotations["portcullis.dev/grpc-web"]'])
    expect(translationsOf(annotated("a", "HTTP", "yes"))).toEqual([false])
  })
})
