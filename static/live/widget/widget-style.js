/** The widget's style sheet. Made by script, it is not blocked by any Content-Security-Policy and does not affect the page. */

const CSS = `
:host {
  all: initial;
  display: inline-block;
  max-width: 100%;
  color-scheme: inherit;
  font-family: inherit;
}
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([theme="auto"]) { color-scheme: light dark; }

*, ::before, ::after { box-sizing: border-box; }
p { margin: 0; }

.card {
  --surface: light-dark(#fff, #171b26);
  --track: light-dark(#eceef4, #232938);
  --ink: light-dark(#161a26, #eef1f7);
  --ink-soft: light-dark(#555d70, #a7afc0);
  --line: light-dark(#dcdfe8, #2b3242);
  --unread: light-dark(#6f7687, #7d8598);
  --bar-1: light-dark(#8f3a00, #ffa552);
  --bar-2: light-dark(#ad4a00, #f08c35);
  --bar-3: light-dark(#c65d0c, #d9761f);
  --bar-4: light-dark(#d0701f, #bd6414);
  --bar-7: light-dark(#4a8ad8, #3f7fd0);
  --bar-8: light-dark(#2f6fc4, #5596e6);
  --bar-9: light-dark(#1f57a8, #74aff5);
  --bar-10: light-dark(#163f82, #9cc8ff);
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  width: max-content;
  max-width: 100%;
  gap: 0.25rem 0.875rem;
  padding: 0.5rem 0.75rem;
  border: 1px solid var(--line);
  border-radius: 0.75rem;
  background: var(--surface);
  color: var(--ink);
  font-size: 0.875rem;
  line-height: 1.3;
  font-variant-numeric: tabular-nums lining-nums;
}

.bars {
  display: grid;
  grid-template-columns: repeat(4, 0.875rem) 1.75rem repeat(4, 0.875rem);
  gap: 0.125rem;
}
.bar {
  display: grid;
  justify-items: center;
  color: var(--ink-soft);
  font-size: 0.6875rem;
  line-height: 1;
}
.track {
  position: relative;
  width: 100%;
  height: 2rem;
  margin-bottom: 0.1875rem;
  overflow: hidden;
  border-radius: 0.1875rem 0.1875rem 0 0;
  background: var(--track);
}
.fill {
  position: absolute;
  inset: 0;
  background: var(--bar);
  transform: translateY(100%);
}
[data-stars="1"] { --bar: var(--bar-1); }
[data-stars="2"] { --bar: var(--bar-2); }
[data-stars="3"] { --bar: var(--bar-3); }
[data-stars="4"] { --bar: var(--bar-4); }
[data-stars="7"] { --bar: var(--bar-7); grid-column: 6; }
[data-stars="8"] { --bar: var(--bar-8); }
[data-stars="9"] { --bar: var(--bar-9); }
[data-stars="10"] { --bar: var(--bar-10); }
/* The top of the axis, where the data has no ratings. */
.axis {
  grid-row: 1;
  grid-column: 5;
  border-top: 1px solid var(--line);
  color: var(--ink-soft);
  font-size: 0.625rem;
  line-height: 1.4;
  text-align: center;
}
:is([data-state="nothing"], [data-state="no_opinion"], [data-state="unreadable"]) .fill { background: var(--unread); }

/* Other labels than the film ratings: as many bars as there are, which the words below name. */
[data-labels]:not([data-labels="film"]) .bars {
  display: flex;
  flex: 1 1 12rem;
  max-width: 20rem;
}
.bar[data-label] { flex: 1 1 0; min-width: 1px; --bar: var(--bar-9); }
[data-labels="names"] .expected { display: none; }
[hidden] { display: none; }

/* Not of the text in the field. */
.card[data-old="true"] :is(.number, .verdict) { color: var(--ink-soft); }
.card[data-old="true"][data-state] .fill {
  background-image: repeating-linear-gradient(135deg, var(--track) 0 2px, transparent 2px 5px);
}

.expected { color: var(--ink-soft); white-space: nowrap; }
.number {
  display: inline-block;
  min-width: 2.5ch;
  font-size: 1.75rem;
  line-height: 1;
  letter-spacing: -0.03em;
  text-align: center;
}
.number { color: var(--ink-soft); font-weight: 400; }
[data-state="leans"] .number { color: var(--ink); font-weight: 550; }
[data-state="says"] .number { color: var(--ink); font-weight: 700; }

/* The longest of its usual words fit, so that the card keeps its size while one types. */
.reading { width: 12rem; max-width: 100%; }
.verdict { font-weight: 600; }
.words { min-height: 1.3em; color: var(--ink-soft); font-size: 0.8125rem; }

.visually-hidden {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

@media (prefers-reduced-motion: no-preference) {
  .fill { transition: transform 140ms ease-out, background-color 200ms; }
}
@media (forced-colors: active) {
  .track { outline: 1px solid CanvasText; }
  .card[data-state] .fill { forced-color-adjust: none; background: CanvasText; }
}
`;

/** Shared by all widgets of a page. */
export const widgetStyleSheet = new CSSStyleSheet();
widgetStyleSheet.replaceSync(CSS);
