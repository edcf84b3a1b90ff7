/**
 * The live page: creates the shared objects and attaches all parts of the page.
 *
 * Selectors for tests and style sheets:
 * - `textarea#review`
 * - `[role="meter"][data-stars="9"]`: `aria-valuenow` is the percent with one decimal,
 *   `data-probability` the number as the server sent it, absent until the first answer
 * - `td[data-stars="9"]`: the same percent in the table
 * - `#label-chart [role="meter"][data-label="0"]`: the same for a model that does not rate films; `#rating[data-labels]`:
 *   `film`, `values` or `names`
 * - `#rating[data-state]`: the state of the headline: `nothing`, `unreadable`, `no_opinion`, `either_way`, `leans`, `says`;
 *   `data-side` positive or negative, absent without one; `data-old` true: the bars have not been of the visible text for
 *   half a second; `data-past` true: an earlier moment is shown
 * - `#expected` ("8.4", or "–" without a number), `#verdict` ("Positive 97%"), `#interval`; they settle after the bars
 * - `#connection[data-state]`: `connecting`, `open`, `reconnecting`, `closed`; `data-transport` `websocket` or `http`.
 *   It holds the badge, and in its place `#alert` (role=alert) while the connection is lost; `data-in-sight` false:
 *   it is scrolled away, and `#alert` is at the edge of the window
 * - `#freshness[data-state]`, the badge: `fresh`: the bars are for the visible text; `prior`: the same, but there is no
 *   number; `stale`: an answer is under way, or the bars are paused; `offline`: the bars are for an older
 *   text and there is no connection; `past`: an earlier moment is shown. The state changes at once, its words
 *   (`#freshness-words`), which are of the connection too, a little later
 * - `#timeline[data-state]`: `empty`, `now`, `past`; `#moment` (the slider), `#replay` (`data-playing`), `#now`,
 *   `#moment-text` (the text of the earlier moment)
 * - `#contributions[data-state]`: `waiting`, `asked`, `partial` (words are still being weighed), `shown`, `refused`; `#extremes` names the
 *   strongest parts, `#about-words` says of which words; in `#marked`, the copy behind the field, each `.sentence` and `.word` with `data-sign` up or
 *   down and `data-strength` 1 to 4, both absent without an effect
 * - `#room[data-state]`: `closed`, `open`, `lost` (no connection); `#room-link`, `#room-watchers`
 * - `#feedback input[value="9"]`, `#feedback-send`, `#feedback-note`
 * - `#pause` (`data-paused` true or false), in `#more` until its first use, then beside the badge
 * - `#copy-link`; in `#more`: `#answer-time` (from sending to showing), `#save-json`, `#save-csv`; `#history-on`, `#history-list`, `#history-clear`
 * - `#note` (limits and refusals), `#status` (role=status)
 * - `button[data-example]`, `#restore` (the text before an example)
 * - `body[data-words]`: the model that title, placeholder and examples are of: `film`, or name and version
 * - `document.documentElement.dataset.shownSeq`: the number of the answer shown
 */

import { attachContributions } from "./explain/contributions.js";
import { labelsOf } from "./lib/labels.js";
import { CONNECTION_LOST } from "./lib/strings.js";
import { attachAnnouncer } from "./page/announcer.js";
import { attachRating } from "./page/bars.js";
import { attachConnection } from "./page/connection.js";
import { attachDraft } from "./page/draft.js";
import { attachExamples } from "./page/editor.js";
import { onFirstUse } from "./page/first-use.js";
import { attachFreshness } from "./page/freshness.js";
import { createPage } from "./page/page.js";
import { attachTimeline } from "./timeline/timeline.js";

const GHOST_AFTER_MS = 1_500;

const page = createPage();

const view = attachRating(page);
attachFreshness(page);
attachAnnouncer(page);
attachConnection(page);
attachExamples(page);
const recording = attachTimeline(page);
attachContributions(page);

const loadSharing = onFirstUse(".share, .feedback, .files, .history", async () => {
  try {
    const { attachAll } = await import("./live-page-sharing.js");
    attachAll(page, recording);
  } catch (error) {
    page.messageLine.say(CONNECTION_LOST);
    throw error;
  }
});

/** Whether texts are kept, or the link of this page brings one. */
function isSharingInUse() {
  try {
    return location.hash !== "" || localStorage.length > 0;
  } catch {
    // The browser blocks storage.
    return false;
  }
}

if (isSharingInUse()) loadSharing().catch(() => {});
page.socket.addEventListener("session", ({ detail: { transport } }) => {
  // It says what does not work without WebSockets.
  if (transport === "http") loadSharing().catch(() => {});
});
window.addEventListener("hashchange", () => loadSharing().catch(() => {}));
page.socket.addEventListener("model", ({ detail }) => {
  const { name, version } = detail.model;
  const words = labelsOf(detail).isFilm ? "film" : `${name} ${version}`;
  if (words === document.body.dataset.words) return;
  // Without them, the page keeps the old ones.
  import("./page/words.js").then(({ takeWords }) => takeWords(words)).catch(() => {});
});
// Feedback offers the labels of the model.
page.display.addEventListener("labels", () => loadSharing().catch(() => {}));

attachDraft(page);
// On a phone this would open the keyboard, which hides half of the page.
if (window.matchMedia("(pointer: fine)").matches) page.editor.focus();

// Once, and only where nothing happens for a while.
page.socket.addEventListener(
  "session",
  ({ detail }) => {
    setTimeout(async () => {
      if (page.editor.text !== "" || document.visibilityState !== "visible") return;
      // Without it, nothing types itself.
      const ghost = await import("./page/ghost.js").catch(() => null);
      ghost?.attachGhost(page, detail, view);
    }, GHOST_AFTER_MS);
  },
  { once: true },
);

page.editor.tell();
page.socket.start();
