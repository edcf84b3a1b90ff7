/** Bars for labels that are no film ratings: columns for a short scale, else rows in the order of the model. */

import { byId, element } from "../lib/dom.js";
import { formatNumber } from "../lib/i18n.js";
import { labelMeterWords, moreLabels, percentNumber, percentText } from "../lib/strings.js";

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
 * Replaces the bars and the rows of the table.
 * @param {Labels} labels
 * @returns {(probabilities: readonly number[]) => void} Shows probabilities, one for each label.
 */
export function drawLabelRows(labels) {
  const bars = drawLabelBars(byId("label-chart"), labels);
  const cells = labels.names.map(() => element("td", "", "–"));
  const rows = labels.names.map((name, i) => {
    const row = document.createElement("tr");
    const head = element("th", "", name);
    head.setAttribute("scope", "row");
    row.append(head, cells[i]);
    return row;
  });
  byId("label-numbers").replaceChildren(...rows);
  return (probabilities) => {
    for (const [i, { name, meter, fill }] of bars.entries()) {
      const share = probabilities[i];
      meter.dataset.probability = String(share);
      meter.setAttribute("aria-valuenow", percentNumber(share));
      meter.setAttribute("aria-valuetext", labelMeterWords(name, share));
      fill(share);
      cells[i].textContent = `${formatNumber(100 * share, 1, 1)}%`;
    }
  };
}

/**
 * @param {HTMLElement} chart
 * @param {Labels} labels
 * @returns {LabelBar[]} In the order of the labels.
 */
function drawLabelBars(chart, labels) {
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
