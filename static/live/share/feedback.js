/** Feedback: the person's own rating of the text, sent only when the button is pressed. */

import { byId, element, say, tell } from "../lib/dom.js";
import {
  CONSENT_LABEL,
  CONSENT_STARS,
  FEEDBACK_LABEL,
  FEEDBACK_STARS,
  FEEDBACK_THANKS,
  feedbackFailed,
  NOTHING_TO_SHARE,
} from "./strings.js";

/** @import { Page } from "../page/page.js" */

const PATH = "/api/v1/feedback";

/** @param {Page} page */
export function attachFeedback({ editor, display }) {
  const form = byId("feedback");
  /** @type {HTMLButtonElement} */
  const button = byId("feedback-send");
  const chosen = () => /** @type {HTMLInputElement | null} */ (form.querySelector("input:checked"));
  let isSending = false;

  function update() {
    button.disabled = isSending || chosen() === null;
  }

  async function send() {
    if (editor.text.trim() === "") return tell("feedback-note", NOTHING_TO_SHARE);
    isSending = true;
    update();
    const value = chosen()?.value ?? "";
    const given = display.labels.isFilm ? { stars: Number(value) } : { label: value };
    const language = document.documentElement.lang;
    const code = await post({ text: editor.text, ...given, consent: true, language });
    isSending = false;
    if (code === null) for (const radio of form.querySelectorAll("input")) radio.checked = false;
    tell("feedback-note", code === null ? FEEDBACK_THANKS : feedbackFailed(code));
    update();
  }

  const films = [...byId("given").children];

  function offer() {
    const { isFilm, names } = display.labels;
    byId("given").replaceChildren(...(isFilm ? films : names.map(choiceOf)));
    byId("given").dataset.labels = isFilm ? "film" : "names";
    say("feedback-title", isFilm ? FEEDBACK_STARS : FEEDBACK_LABEL);
    say("feedback-consent", isFilm ? CONSENT_STARS : CONSENT_LABEL);
    update();
  }

  display.addEventListener("labels", offer);
  form.addEventListener("change", () => {
    tell("feedback-note", "");
    update();
  });
  button.addEventListener("click", send);
  if (display.labels.isFilm) update();
  else offer();
}

/** @param {string} name */
function choiceOf(name) {
  const choice = document.createElement("label");
  const radio = document.createElement("input");
  radio.type = "radio";
  radio.name = "given";
  radio.value = name;
  choice.append(radio, element("span", "", name));
  return choice;
}

/**
 * @param {object} feedback
 * @returns {Promise<string | null>} The error code; null if the feedback was stored.
 */
async function post(feedback) {
  try {
    const response = await fetch(PATH, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(feedback),
    });
    const reply = await response.json();
    return response.ok ? null : (reply.error?.code ?? "internal");
  } catch {
    return "offline";
  }
}
