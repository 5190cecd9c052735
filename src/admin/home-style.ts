/** The page's one style sheet. In the page itself, allowed by its hash: nothing is loaded from anywhere. */

export const homeStyle = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1d232b, #dde3ea); --faint: light-dark(#5c6773, #93a0ad); --line: light-dark(#d9dee4, #333c46);
  --ground: light-dark(#fff, #14181d); --field: light-dark(#f5f7f9, #1c2229); --accent: light-dark(#0b5cad, #7db8f5);
  --good: light-dark(#1a7f37, #58c274); --bad: light-dark(#c0262d, #ff7b81); --warn: light-dark(#95590b, #e0a64b);
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1.5rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
h2 small, .faint { color: var(--faint); font-weight: normal; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: 0 .9rem; margin-top: .75rem; }
ul.attention { margin: .5rem 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre, textarea, input { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: var(--field); border: 1px solid var(--line); border-radius: 4px; padding: .8rem; overflow-x: auto; margin: .6rem 0; }
form.explain { display: grid; grid-template-columns: 7rem 1fr auto; gap: .5rem; }
form.explain textarea { grid-column: 1 / -1; min-height: 3.4rem; resize: vertical; }
input, textarea, button { color: inherit; background: var(--field); border: 1px solid var(--line); border-radius: 4px; padding: .4rem .6rem; }
button { cursor: pointer; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
`
