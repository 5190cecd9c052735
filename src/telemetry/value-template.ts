/**
 * Text with Envoy's command operators (`%REQ(X)%`, `%START_TIME%`, …), parsed once at compile time.
 * Used by header operations and by access log format strings (reference sheet 3.10 (6), 9.2).
 */

export interface ValueTemplate {
  /** The whole value when it has no operator; null otherwise. */
  readonly literal: string | null
  /** In order; a single literal part when `literal` is not null. */
  readonly parts: readonly TemplatePart[]
}

export type TemplatePart =
  | { readonly kind: "literal"; readonly text: string }
  | {
      readonly kind: "operator"
      /** `REQ`, `START_TIME`, … */
      readonly name: string
      /** Inside the parentheses; "" when there are none. */
      readonly argument: string
      /** `:N` after the parentheses; 0 = unlimited. */
      readonly lengthMax: number
    }
