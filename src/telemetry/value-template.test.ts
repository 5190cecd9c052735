import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { parseValueTemplate } from "./value-template.ts"

describe("parseValueTemplate", () => {
  test("text without a percent sign is one literal", () => {
    expect(parseValueTemplate("plain text")).toEqual({
      literal: "plain text",
      parts: [{ kind: "literal", text: "plain text" }],
    })
  })

  test("the empty text is one empty literal", () => {
    expect(parseValueTemplate("")).toEqual({ literal: "", parts: [{ kind: "literal", text: "" }] })
  })

  test("a doubled percent sign is a literal one (Istio semantics sheet 3.10)", () => {
    expect(parseValueTemplate("100%% of %%REQ(X)%%")).toEqual({
      literal: "100% of %REQ(X)%",
      parts: [{ kind: "literal", text: "100% of %REQ(X)%" }],
    })
  })

  test("an operator has a name, an argument and a length", () => {
    expect(parseValueTemplate("%REQ(X-A?:PATH):10%")).toEqual({
      literal: null,
      parts: [{ kind: "operator", name: "REQ", argument: "X-A?:PATH", lengthMax: 10 }],
    })
  })

  test("literals around and between operators keep their order", () => {
    expect(parseValueTemplate('[%START_TIME%] "%PROTOCOL%%RESPONSE_CODE%%%"')).toEqual({
      literal: null,
      parts: [
        { kind: "literal", text: "[" },
        { kind: "operator", name: "START_TIME", argument: "", lengthMax: 0 },
        { kind: "literal", text: '] "' },
        { kind: "operator", name: "PROTOCOL", argument: "", lengthMax: 0 },
        { kind: "operator", name: "RESPONSE_CODE", argument: "", lengthMax: 0 },
        { kind: "literal", text: '%"' },
      ],
    })
  })

  test("an argument may hold percent signs, as START_TIME's format does", () => {
    expect(parseValueTemplate("%START_TIME(%Y/%m/%d)%")).toEqual({
      literal: null,
      parts: [{ kind: "operator", name: "START_TIME", argument: "%Y/%m/%d", lengthMax: 0 }],
    })
  })

  test.each(["%", "50%", "%REQ(X)", "%REQ(X%", "%req(X)%", "% %", "%REQ(X):%", "%REQ(X):-1%", "a % b"])(
    "an unbalanced or malformed operator is an error: %p",
    (text) => {
      expect(parseValueTemplate(text)).toEqual({ error: expect.any(String) })
    },
  )

  test("escaping every percent sign gives the text back, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseValueTemplate(text.replaceAll("%", "%%"))).toEqual({
          literal: text,
          parts: [{ kind: "literal", text }],
        })
      }),
    )
  })

  test("no text makes it throw, and an accepted one renders back to itself", () => {
    const piece = fc.constantFrom("%", "%%", "REQ", "(", ")", ":", "1", "x", "%REQ(A)%", "%DURATION%")
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join("")
        const template = parseValueTemplate(text)
        if ("error" in template) return
        const rendered = template.parts.map((part) => {
          if (part.kind === "literal") return part.text.replaceAll("%", "%%")
          const length = part.lengthMax > 0 ? `:${part.lengthMax}` : ""
          return `%${part.name}${part.argument === "" ? "" : `(${part.argument})`}${length}%`
        })
        expect(parseValueTemplate(rendered.join(""))).toEqual(template)
      }),
    )
  })
})
