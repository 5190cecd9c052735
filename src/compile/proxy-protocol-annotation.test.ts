import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { compileExample, gateway } from "./example-configuration.ts"
import { parseProxyProtocol } from "./proxy-protocol-annotation.ts"

describe("portcullis.dev/proxy-protocol", () => {
  test("names ranges and single addresses of both families", () => {
    expect(parseProxyProtocol("from=10.0.0.0/8, 127.0.0.1,fd00::/8,::1")).toEqual([
      { address: "10.0.0.0", prefixLength: 8 },
      { address: "127.0.0.1", prefixLength: 32 },
      { address: "fd00::", prefixLength: 8 },
      { address: "::1", prefixLength: 128 },
    ])
    expect(parseProxyProtocol("from=0.0.0.0/0")).toEqual([{ address: "0.0.0.0", prefixLength: 0 }])
  })

  test.each([
    "",
    "on",
    "from=",
    "from=10.0.0.0/33",
    "from=::/129",
    "from=10.0.0/8",
    "from=lb.example",
    "from=1.2.3.4,",
  ])("%p is refused", (text) => {
    expect(parseProxyProtocol(text)).toBeString()
  })

  test("any text is read or refused, never thrown at", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseProxyProtocol(`from=${text}`)))
  })
})

describe("on a Gateway", () => {
  function annotated(name: string, annotation: string | null, server = ""): string {
    const yaml = gateway({ name, protocol: "HTTP", ...(server === "" ? {} : { server }) })
    if (annotation === null) return yaml
    const line = `annotations: {portcullis.dev/proxy-protocol: "${annotation}"}`
    return yaml.replace(`namespace: default}`, `namespace: default, ${line}}`)
  }
  const acceptedOf = (yaml: string) => compileExample(yaml).snapshot.listeners.map((each) => each.proxyProtocolFrom)

  test("it holds for its listeners; without it no header is looked for", () => {
    expect(acceptedOf(annotated("a", "from=127.0.0.1"))).toEqual([[{ address: "127.0.0.1", prefixLength: 32 }]])
    expect(acceptedOf(annotated("a", null))).toEqual([null])
  })

  test("one that cannot be read is an error, and lets nobody in", () => {
    const example = compileExample(annotated("a", "from=everywhere"))
    expect(example.findings).toEqual([
      'P3021 error Gateway default/a metadata.annotations["portcullis.dev/proxy-protocol"]',
    ])
    expect(example.snapshot.listeners.map((each) => each.proxyProtocolFrom)).toEqual([[]])
  })

  test("of two Gateways on a port the first decides, and a warning says so", () => {
    const example = compileExample(annotated("a", null) + annotated("b", "from=127.0.0.1"))
    expect(example.findings).toEqual([
      'P3022 warning Gateway default/b metadata.annotations["portcullis.dev/proxy-protocol"]',
    ])
    expect(example.snapshot.listeners.map((each) => each.proxyProtocolFrom)).toEqual([null])
    expect(compileExample(annotated("a", "from=::1") + annotated("b", "from=::1")).findings).toEqual([])
  })

  test("another bind is another listener, which decides for itself", () => {
    expect(acceptedOf(annotated("a", null) + annotated("b", "from=::1", "bind: 127.0.0.1"))).toEqual([
      null,
      [{ address: "::1", prefixLength: 128 }],
    ])
  })
})
