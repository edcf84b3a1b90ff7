/** Feedback: the person's own rating of the text, sent only when the button is pressed. */

import { byId, tell } from "../lib/dom.js";
import { FEEDBACK_THANKS, feedbackFailed, NOTHING_TO_SHARE } from "./strings.js";

/** @import { Page } from "../page/page.js" */

const PATH = "/api/v1/feedback";

/** @param {Page} page */
export function attachFeedback({ editor }) {
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
    const stars = Number(chosen()?.value);
    const language = document.documentElement.lang;
    const code = await post({ text: editor.text, stars, consent: true, language });
    isSending = false;
    if (code === null) for (const radio of form.querySelectorAll("input")) radio.checked = false;
    tell("feedback-note", code === null ? FEEDBACK_THANKS : feedbackFailed(code));
    update();
  }

  form.addEventListener("change", () => {
    tell("feedback-note", "");
    update();
  });
  button.addEventListener("click", send);
  update();
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
