/** Bars for labels that are no film ratings: columns for a short scale, else rows in the order of the model. */

import { element } from "../lib/dom.js";
import { moreLabels, percentText } from "../lib/strings.js";

/** @import { Labels } from "../lib/labels.js" */

const MOST_COLUMNS = 10;
// More rows than this are folded.
const MOST_ROWS = 50;

/**
 * @typedef {object} LabelBar
 * @property {string} name
 * @property {HTMLElement} meter
 * @property {(share: number) => void} fill
 */

/** @param {Labels} labels @returns {boolean} Whether their bars stand side by side. */
function areColumns({ isOrdered, names }) {
  return isOrdered && names.length <= MOST_COLUMNS;
}

/**
 * Replaces the bars of a chart.
 * @param {HTMLElement} chart
 * @param {Labels} labels
 * @returns {LabelBar[]} In the order of the labels.
 */
export function drawLabelBars(chart, labels) {
  const isColumns = areColumns(labels);
  const bars = labels.names.map((name, i) => barOf(name, i, labels, isColumns));
  chart.dataset.layout = isColumns ? "columns" : "rows";
  // Many rows scroll, also by the keyboard.
  chart.tabIndex = isColumns ? -1 : 0;
  const meters = bars.map(({ meter }) => meter);
  chart.replaceChildren(...meters.slice(0, MOST_ROWS));
  if (meters.length > MOST_ROWS) {
    const rest = document.createElement("details");
    rest.append(element("summary", "", moreLabels(meters.length - MOST_ROWS)));
    rest.append(...meters.slice(MOST_ROWS));
    chart.append(rest);
  }
  return bars;
}

/**
 * @param {string} name
 * @param {number} index
 * @param {Labels} labels
 * @param {boolean} isColumn
 * @returns {LabelBar}
 */
function barOf(name, index, { isOrdered, names }, isColumn) {
  const meter = element("div", "meter");
  meter.setAttribute("role", "meter");
  meter.dataset.label = String(index);
  meter.ariaLabel = name;
  meter.ariaValueMin = "0";
  meter.ariaValueMax = "100";
  meter.ariaValueNow = "0";
  const percent = element("span", "percent", "–");
  const track = element("span", "track");
  const fill = element("span", "fill");
  const title = element("span", "name", name);
  title.title = name;
  title.dir = "auto";
  track.append(fill);
  meter.append(...(isColumn ? [percent, track, title] : [title, track, percent]));
  if (isOrdered) meter.style.setProperty("--place", String(index / (names.length - 1)));
  return {
    name,
    meter,
    fill: (share) => {
      const gone = `${(100 * (1 - share)).toFixed(2)}%`;
      fill.style.transform = isColumn ? `translateY(${gone})` : `translateX(-${gone})`;
      percent.textContent = percentText(share);
    },
  };
}
