/** Draws the widget: eight small meters, the expected stars, and a line of words. */

import { LABELS } from "../client/protocol.js";
import { fill, formatNumber, gettext, ngettext } from "../lib/i18n.js";
import { fillTransform } from "../lib/rating.js";
import {
  intervalText,
  meterWords,
  percentNumber,
  START_TYPING,
  verdict,
  withoutVerdict,
} from "../lib/strings.js";
import { widgetStyleSheet } from "./widget-style.js";

/** @import { Rating } from "../client/protocol.js" */

const NOTHING = "–";

export class WidgetView {
  #card = element("div", { class: "card", role: "group" });
  #number = element("span", { class: "number" }, NOTHING);
  #verdict = element("p", { class: "verdict" });
  #words = element("p", { class: "words" });
  #status = element("p", { class: "visually-hidden", role: "status" });
  #bars;
  #interval = "";
  #trouble = "";

  /** @param {ShadowRoot} root */
  constructor(root) {
    root.adoptedStyleSheets = [widgetStyleSheet];
    this.#card.ariaLabel = gettext("Star rating of what you write");
    const group = element("div", { class: "bars", role: "group" });
    group.ariaLabel = gettext("How likely each rating is");
    this.#bars = LABELS.map((stars) => new Bar(stars));
    group.append(...this.#bars.map((bar) => bar.element));
    const expected = element("p", { class: "expected" });
    expected.append(this.#number, element("span", { class: "of" }, "/10"));
    const reading = element("div", { class: "reading" });
    reading.append(this.#verdict, this.#words);
    this.#card.append(group, expected, reading, this.#status);
    root.append(this.#card);
    this.clear();
  }

  /** Shows no rating, since there is no text. */
  clear() {
    this.#card.dataset.tooShort = "true";
    for (const bar of this.#bars) bar.show(null);
    this.#number.textContent = NOTHING;
    this.#verdict.textContent = START_TYPING;
    this.#say("");
  }

  /**
   * @param {Rating} rating
   * @param {boolean} isTooShort
   */
  show(rating, isTooShort) {
    this.#card.dataset.tooShort = String(isTooShort);
    this.#bars.forEach((bar, i) => {
      bar.show(rating.probabilities[i]);
    });
    if (isTooShort) {
      this.#number.textContent = NOTHING;
      this.#verdict.textContent = rating.tokens === 0 ? START_TYPING : withoutVerdict(rating)[0];
      return this.#say("");
    }
    this.#number.textContent = formatNumber(rating.expected_stars, 1, 1);
    this.#verdict.textContent = verdict(rating.positive).text;
    this.#say(intervalText(rating.interval));
  }

  /** @param {string} words An error, shown instead of the interval; empty if there is none. */
  showTrouble(words) {
    this.#trouble = words;
    this.#say(this.#interval);
  }

  /** @param {string} words For screen readers. */
  announce(words) {
    this.#status.textContent = words;
  }

  /** @param {string} interval */
  #say(interval) {
    this.#interval = interval;
    this.#words.textContent = this.#trouble || interval;
  }
}

class Bar {
  #stars;
  #fill = element("span", { class: "fill" });

  /** @param {number} stars */
  constructor(stars) {
    this.#stars = stars;
    this.element = element("div", { class: "bar", role: "meter", "data-stars": String(stars) });
    this.element.ariaLabel = fill(ngettext("%(stars)s star", "%(stars)s stars", stars), { stars });
    this.element.ariaValueMin = "0";
    this.element.ariaValueMax = "100";
    const track = element("span", { class: "track" });
    track.append(this.#fill);
    this.element.append(track, element("span", {}, String(stars)));
  }

  /** @param {number | null} probability */
  show(probability) {
    const share = probability ?? 0;
    this.element.ariaValueNow = percentNumber(share);
    this.element.ariaValueText =
      probability === null ? gettext("no answer yet") : meterWords(this.#stars, share);
    this.#fill.style.transform = fillTransform(share);
  }
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function element(name, attributes, text = "") {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.textContent = text;
  return made;
}
