/** Where a compiled rule comes from. One per rule, shared by its routes; the position is looked up when someone asks. */
import type { VirtualServiceResource } from "../config/resources.ts"
import type { FieldPath } from "./report.ts"
import type { SourceLocation } from "./snapshot.ts"

export class RuleSource {
  readonly resource: VirtualServiceResource
  /** In `spec.http`. */
  readonly ruleIndex: number
  #location: SourceLocation | null = null

  constructor(resource: VirtualServiceResource, ruleIndex: number) {
    this.resource = resource
    this.ruleIndex = ruleIndex
  }

  get location(): SourceLocation {
    if (this.#location === null) {
      const { file, line, column } = this.resource.locate(this.path())
      this.#location = { file, line, column }
    }
    return this.#location
  }

  path(...rest: readonly (string | number)[]): FieldPath {
    return ["spec", "http", this.ruleIndex, ...rest]
  }
}
