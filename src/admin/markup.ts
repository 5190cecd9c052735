/**
 * HTML from templates: what is put into one is text and is escaped, unless it is markup itself. So no name, header or path
 * that reaches the page can become part of it.
 */

export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type MarkupPart = string | number | Markup | readonly Markup[]

export function html(strings: TemplateStringsArray, ...parts: readonly MarkupPart[]): Markup {
  let text = strings[0] ?? ""
  for (const [index, part] of parts.entries()) text += `${partText(part)}${strings[index + 1] ?? ""}`
  return new Markup(text)
}

/** Nothing, where a part of a page is left out. */
export const noMarkup = new Markup("")

function partText(part: MarkupPart): string {
  if (typeof part === "string" || typeof part === "number") return Bun.escapeHTML(String(part))
  return part instanceof Markup ? part.text : part.map(({ text }) => text).join("")
}
