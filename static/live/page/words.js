/** Title, placeholder and examples come from the model. After a switch of the model, this asks the server for the new ones. */

import { byId, say } from "../lib/dom.js";
import { anotherModel } from "../lib/strings.js";

// All open pages hear of a switch at once, and should not all ask at once.
const SPREAD_MS = 1_000;
// A server may have several processes, and some switch later than others.
const RETRY_MS = 2_000;
const MOST_TRIES = 5;

let wanted = "";

/** @param {string} of The model, as `data-words` has it. */
export async function takeWords(of) {
  wanted = of;
  await pause(Math.random() * SPREAD_MS);
  for (let tries = 0; tries < MOST_TRIES && wanted === of; tries++) {
    const found = await ask();
    // Another switch may have come meanwhile.
    if (found?.body.dataset.words === of && wanted === of) return take(found);
    await pause(RETRY_MS);
  }
}

/** @returns {Promise<Document | null>} The page as it is now; null if the server does not answer. */
async function ask() {
  try {
    const response = await fetch(location.pathname, { cache: "no-store" });
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}

/** @param {Document} found */
function take(found) {
  document.body.dataset.words = found.body.dataset.words;
  document.title = found.title;
  byId("review").setAttribute(
    "placeholder",
    found.getElementById("review")?.getAttribute("placeholder") ?? "",
  );
  // It keeps its text, and whether it is shown.
  found.getElementById("restore")?.replaceWith(byId("restore"));
  for (const id of ["tagline", "review-label", "examples"]) {
    const [old, renewed] = [byId(id), found.getElementById(id)];
    if (renewed === null) continue;
    old.removeAttribute("lang");
    for (const { name, value } of renewed.attributes) old.setAttribute(name, value);
    old.replaceChildren(...renewed.childNodes);
  }
  say("status", anotherModel(byId("tagline").textContent ?? ""));
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
