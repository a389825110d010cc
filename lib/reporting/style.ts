// The page's style sheet. The contrast of text is at least 4.5 : 1 in both color schemes.

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --surface: #ffffff; --text: #1c2430; --muted: #5b6675; --line: #d9dee5;
  --accent: #2f6fb3; --chosen: #1b7f5c; --rejected: #b4442f; --own: #e8f0fa;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --surface: #1b2129; --text: #e5e9ef; --muted: #9aa6b5; --line: #323b47;
    --accent: #6fa8e6; --chosen: #4fc094; --rejected: #ee8a72; --own: #23344a;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0 auto; max-width: 70rem; padding: 1.25rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", sans-serif;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
h4 { font-size: .875rem; margin: 0 0 .35rem; color: var(--muted); font-weight: 600; }
p { margin: .4rem 0 .8rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
.facts { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: 0 0 1rem; font-size: .9rem; }
.facts div { display: flex; gap: .4rem; min-width: 0; }
.facts dt { color: var(--muted); white-space: nowrap; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin-bottom: 1rem; }
.figure { background: var(--surface); border: 1px solid var(--line); border-radius: .6rem; padding: .75rem 1rem; display: flex; flex-direction: column; }
.figure strong { font-size: 1.9rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figure .name { font-size: .875rem; color: var(--muted); overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 0 0 1rem; list-style: none; font-size: .9rem; overflow-wrap: anywhere; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 0 0 1.25rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1.5rem; margin: 1.25rem 0; }
figure { margin: 0; min-width: 0; }
figure svg { width: 100%; height: auto; color: var(--text); }
.legend { font-size: .875rem; margin: .1rem 0; }
.legend span::before { content: ""; display: inline-block; width: .9em; height: .9em; margin: 0 .35em -.1em 0; }
.legend .chosen::before { background: var(--chosen); opacity: .6; }
.legend .rejected::before { border: 2px dashed var(--rejected); }
.legend .rejected { margin-left: 1rem; }
.table { overflow-x: auto; max-height: 32rem; overflow-y: auto; margin: .5rem 0 .75rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .25rem 0 .4rem; }
th, td { padding: .32rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, th.text, td.text { text-align: left; }
tbody th { font-weight: 500; min-width: 7rem; max-width: 22rem; overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: var(--surface); color: var(--muted); font-weight: 600; }
td.share, td.count, td.number { white-space: nowrap; }
tr.own th, tr.own td { background: var(--own); font-weight: 600; }
.interval, .note { color: var(--muted); font-size: .8125rem; font-weight: 400; }
details > summary { cursor: pointer; }
.further { margin: 0 0 1.25rem; }
figure details > summary, .further > summary { color: var(--muted); font-size: .875rem; }
.pairs { padding: 0; margin: 0; list-style-position: inside; }
.pairs > li { border-top: 1px solid var(--line); padding: 1rem 0; }
.pairs > li > p:first-child { display: inline; }
.prompt { margin: .5rem 0; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: .75rem; }
.response { border-left: 4px solid var(--line); padding: .1rem 0 .1rem .75rem; min-width: 0; }
.response.chosen { border-color: var(--chosen); }
.response.rejected { border-color: var(--rejected); border-left-style: dashed; }
.text, .text div { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.65; }
.text[open] > summary { color: var(--muted); font-size: 0; }
.text[open] > summary::marker { font-size: 1rem; }
.role { margin: .4rem 0 0; color: var(--muted); font-size: .8125rem; }
footer { color: var(--muted); font-size: .875rem; }
@media (max-width: 30rem) { body { padding: .75rem .5rem 2rem; } section { padding: .75rem; } th, td { padding: .32rem .4rem; } }
@media print { body { max-width: none; } .table { max-height: none; } section { break-inside: auto; } }
`;
