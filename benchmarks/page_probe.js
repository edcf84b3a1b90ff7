/** Runs before the page's own code, and keeps what the benchmark reads: paints, long tasks, shifts, and answers to keys. */

/**
 * @typedef {object} Measured
 * @property {number[]} longTasksMs
 * @property {number[]} shifts
 * @property {number[]} keysMs From a key to the bars of its text on the screen.
 * @property {number | null} firstBarsMs
 * @property {number[]} framesMs Between two frames, since `watchFrames` was called.
 * @property {() => void} watchFrames
 * @property {Record<number, number>} watchedAt When a watcher first saw a text of this length with its bars.
 */

/** @type {Measured} */
const measured = {
  longTasksMs: [],
  shifts: [],
  keysMs: [],
  firstBarsMs: null,
  framesMs: [],
  watchFrames() {
    let before = performance.now();
    /** @param {number} now */
    const frame = (now) => {
      measured.framesMs.push(now - before);
      before = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  },
  watchedAt: {},
};
Object.assign(globalThis, { starcastMeasured: measured });

/** When each key was pressed that has no answer yet. @type {number[]} */
const waiting = [];

/** @param {string} type @param {(entry: any) => void} take Some kinds of entries are no part of the DOM's types. */
const observe = (type, take) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({
    type,
    buffered: true,
  });

/** @param {(now: number) => void} then Called once the frame that is being made is on the screen. */
const afterPaint = (then) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => then(performance.now());
  requestAnimationFrame(() => channel.port2.postMessage(null));
};

observe("longtask", ({ duration }) => measured.longTasksMs.push(duration));
observe("layout-shift", ({ value }) => measured.shifts.push(value));

addEventListener("input", ({ timeStamp }) => waiting.push(timeStamp), { capture: true });

// The page says exactly when the bars are for the text on the screen, which is when every earlier key is answered.
new MutationObserver(() => {
  const { state } = document.getElementById("freshness")?.dataset ?? {};
  if (state !== "fresh" && state !== "prior") return;
  const watched = document.getElementById("watched-text");
  if (watched) measured.watchedAt[watched.textContent?.length ?? 0] ??= Date.now();
  const answered = waiting.splice(0);
  afterPaint((now) => {
    measured.firstBarsMs ??= now;
    for (const pressed of answered) measured.keysMs.push(now - pressed);
  });
}).observe(document, {
  subtree: true,
  childList: true,
  characterData: true,
  attributeFilter: ["data-state"],
});
