/**
 * Draws the widget: small meters, the expected stars or value, and a line of words. Of many labels, the likeliest has its
 * name in the words, and a bar each shows how the others stand.
 */

import { hasNumber, NOTHING as NO_HEADLINE } from "../lib/headline.js";
import { fill, gettext, ngettext } from "../lib/i18n.js";
import { areSame, FILM } from "../lib/labels.js";
import { axisTop, dimmer, fillTransform } from "../lib/rating.js";
import {
  headlineWords,
  labelMeterWords,
  meterWords,
  numberOf,
  percentNumber,
  percentText,
  readNote,
} from "../lib/strings.js";
import { widgetStyleSheet } from "./widget-style.js";

/**
 * @import { Rating } from "../client/protocol.js"
 * @import { Headline } from "../lib/headline.js"
 * @import { Labels } from "../lib/labels.js"
 */

const NOTHING = "–";

export class WidgetView {
  #card = element("div", { class: "card", role: "group" });
  #number = element("span", { class: "number" }, NOTHING);
  #verdict = element("p", { class: "verdict" });
  #words = element("p", { class: "words" });
  #status = element("p", { class: "visually-hidden", role: "status" });
  #group = element("div", { class: "bars", role: "group" });
  #of = element("span", { class: "of" }, "/10");
  #axis = element("span", { class: "axis", "aria-hidden": "true" });
  #top = 1;
  #labels = FILM;
  /** @type {Bar[]} */
  #bars = [];
  #why = "";
  #trouble = "";

  /** Told whether the rating is of another text than the field's. */
  dim = dimmer(this.#card);

  /** @param {ShadowRoot} root */
  constructor(root) {
    root.adoptedStyleSheets = [widgetStyleSheet];
    this.#card.ariaLabel = gettext("Star rating of what you write");
    this.#group.ariaLabel = gettext("How likely each rating is");
    const expected = element("p", { class: "expected" });
    expected.append(this.#number, this.#of);
    const reading = element("div", { class: "reading" });
    reading.append(this.#verdict, this.#words);
    this.#card.append(this.#group, expected, reading, this.#status);
    root.append(this.#card);
    this.#draw();
    this.clear();
  }

  /** @param {Labels} labels @returns {boolean} Whether they are others than before. */
  setLabels(labels) {
    if (areSame(labels, this.#labels)) return false;
    this.#labels = labels;
    this.#draw();
    return true;
  }

  #draw() {
    const { isFilm, names, values } = this.#labels;
    this.#card.dataset.labels = isFilm ? "film" : values === null ? "names" : "values";
    this.#of.hidden = !isFilm;
    this.#bars = names.map((name, i) => (isFilm ? starsBar(Number(name)) : labelBar(name, i)));
    this.#group.replaceChildren(...this.#bars.map((bar) => bar.element));
    if (isFilm) this.#group.append(this.#axis);
  }

  /** Shows no rating, since there is no text. */
  clear() {
    this.#scaleTo([0]);
    for (const bar of this.#bars) bar.show(null);
    this.showHeadline(NO_HEADLINE);
  }

  /** @param {Rating} rating */
  showBars({ probabilities }) {
    this.#scaleTo(probabilities);
    this.#bars.forEach((bar, i) => {
      bar.show(probabilities[i], this.#top);
    });
  }

  /** @param {readonly number[]} probabilities */
  #scaleTo(probabilities) {
    // The bars of other labels have no axis.
    this.#top = this.#labels.isFilm ? axisTop(probabilities, this.#top) : 1;
    this.#axis.textContent = percentText(this.#top);
  }

  /** @param {Headline} headline @param {number} [cutAtChars] How much of a text was sent that is too long to send. */
  showHeadline(headline, cutAtChars) {
    const { state, rating } = headline;
    const note = hasNumber(headline) && readNote(rating, cutAtChars);
    const [verdict, why] = headlineWords(headline);
    this.#card.dataset.state = state;
    this.#number.textContent = numberOf(headline) || NOTHING;
    this.#verdict.textContent = verdict;
    this.#say(note || why);
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
  #fill = element("span", { class: "fill" });
  #words;

  /** @param {string} title @param {(share: number) => string} words What screen readers say of a probability. */
  constructor(title, words) {
    this.#words = words;
    this.element = element("div", { class: "bar", role: "meter" });
    this.element.ariaLabel = title;
    this.element.ariaValueMin = "0";
    this.element.ariaValueMax = "100";
    const track = element("span", { class: "track" });
    track.append(this.#fill);
    this.element.append(track);
  }

  /** @param {number | null} probability @param {number} [top] The share at the top of the axis. */
  show(probability, top) {
    const share = probability ?? 0;
    this.element.ariaValueNow = percentNumber(share);
    this.element.ariaValueText =
      probability === null ? gettext("no answer yet") : this.#words(share);
    this.#fill.style.transform = fillTransform(share, top);
  }
}

/** @param {number} stars */
function starsBar(stars) {
  const title = fill(ngettext("%(stars)s star", "%(stars)s stars", stars), { stars });
  const bar = new Bar(title, (share) => meterWords(stars, share));
  bar.element.dataset.stars = String(stars);
  bar.element.append(element("span", {}, String(stars)));
  return bar;
}

/** @param {string} name @param {number} place */
function labelBar(name, place) {
  const bar = new Bar(name, (share) => labelMeterWords(name, share));
  bar.element.dataset.label = String(place);
  bar.element.title = name;
  return bar;
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
