/** Where a compiled rule comes from. One per rule, shared by its routes; the position is looked up when someone asks. */
import type { VirtualServiceResource } from "../config/resources.ts"
import type { FieldPath } from "./report.ts"
import type { SourceLocation } from "./snapshot.ts"

export class RuleSource {
  readonly resource: VirtualServiceResource
  readonly list: "http" | "tls" | "tcp"
  /** In `spec.http`, or the other list. */
  readonly ruleIndex: number
  #location: SourceLocation | null = null

  constructor(resource: VirtualServiceResource, ruleIndex: number, list: "http" | "tls" | "tcp" = "http") {
    this.resource = resource
    this.ruleIndex = ruleIndex
    this.list = list
  }

  get location(): SourceLocation {
    if (this.#location === null) {
      const { file, line, column } = this.resource.locate(this.path())
      this.#location = { file, line, column }
    }
    return this.#location
  }

  path(...rest: readonly (string | number)[]): FieldPath {
    return ["spec", this.list, this.ruleIndex, ...rest]
  }
}
