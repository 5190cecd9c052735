/** The JUnit XML of route tests, read by somebody else's XML parser and held to a schema. */
import { expect, test } from "bun:test"
import { join } from "node:path"
import fc from "fast-check"
import { requireTool } from "../../test/peer-tools.ts"
import { resultsJunit } from "./render-results.ts"
import type { RouteTestResult } from "./run-route-tests.ts"

const xmllint = requireTool("xmllint")
const schema = join(import.meta.dir, "junit.fixture.xsd")

/** What is wrong with the document; "" = nothing. */
async function complaintsAbout(xml: string): Promise<string> {
  const command = [xmllint.path ?? "", "--noout", "--nonet", "--schema", schema, "-"]
  const lint = Bun.spawn(command, { stdin: Buffer.from(xml), stderr: "pipe" })
  const said = await lint.stderr.text()
  return (await lint.exited) === 0 ? "" : said
}

/** Texts as a YAML file may have them: any characters at all, and XML's own. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("]]>", "<!--", "&amp;", "\u0000", "\ud800", "\r\n"),
)
const failure = fc.record({ field: anyText, expected: anyText, actual: anyText })
const result: fc.Arbitrary<RouteTestResult> = fc
  .record({
    name: anyText,
    file: anyText,
    line: fc.integer({ min: 1 }),
    request: anyText,
    differences: fc.array(failure, { maxLength: 3 }),
    reasons: fc.array(anyText, { maxLength: 3 }),
  })
  .map((each) => ({ ...each, passed: each.differences.length === 0 }))

test.skipIf(xmllint.path === null)(
  xmllint.named("whatever is in the tests, the report keeps to the schema"),
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(result, { minLength: 1, maxLength: 40 }), async (results) => {
        expect(await complaintsAbout(resultsJunit(results))).toBe("")
      }),
      { numRuns: 30 },
    )
  },
)

test.skipIf(xmllint.path === null)(xmllint.named("the schema refuses what is not in the form"), async () => {
  expect(await complaintsAbout("<testsuites/>")).toContain("testsuites")
})
