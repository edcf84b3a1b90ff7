/** Draws the widget: eight small meters, the expected stars, and a line of words. */

import { LABELS } from "../client/protocol.js";
import { hasNumber, NOTHING as NO_HEADLINE } from "../lib/headline.js";
import { fill, formatNumber, gettext, ngettext } from "../lib/i18n.js";
import { fillTransform } from "../lib/rating.js";
import { headlineWords, meterWords, percentNumber } from "../lib/strings.js";
import { widgetStyleSheet } from "./widget-style.js";

/**
 * @import { Rating } from "../client/protocol.js"
 * @import { Headline } from "../lib/headline.js"
 */

const NOTHING = "–";

export class WidgetView {
  #card = element("div", { class: "card", role: "group" });
  #number = element("span", { class: "number" }, NOTHING);
  #verdict = element("p", { class: "verdict" });
  #words = element("p", { class: "words" });
  #status = element("p", { class: "visually-hidden", role: "status" });
  #bars;
  #why = "";
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
    for (const bar of this.#bars) bar.show(null);
    this.showHeadline(NO_HEADLINE);
  }

  /** @param {Rating} rating */
  showBars({ probabilities }) {
    this.#bars.forEach((bar, i) => {
      bar.show(probabilities[i]);
    });
  }

  /** @param {Headline} headline */
  showHeadline(headline) {
    const { state, rating } = headline;
    const [verdict, why] = headlineWords(headline);
    this.#card.dataset.state = state;
    this.#number.textContent =
      hasNumber(headline) && rating ? formatNumber(rating.expected_stars, 1, 1) : NOTHING;
    this.#verdict.textContent = verdict;
    this.#say(state === "nothing" ? "" : why);
  }

  /** @param {string} words An error, shown instead of the second line; empty if there is none. */
  showTrouble(words) {
    this.#trouble = words;
    this.#say(this.#why);
  }

  /** @param {string} words For screen readers. */
  announce(words) {
    this.#status.textContent = words;
  }

  /** @param {string} why */
  #say(why) {
    this.#why = why;
    this.#words.textContent = this.#trouble || why;
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
