/** The parts of the live page by which a text leaves it or stays in the browser. Loaded once one of them is used. */

import { attachFeedback } from "./share/feedback.js";
import { attachHistory } from "./share/history-list.js";
import { attachSharing } from "./share/sharing.js";
import { attachRooms } from "./watch/room-controls.js";

/**
 * @import { Page } from "./page/page.js"
 * @import { Recording } from "./timeline/recording.js"
 */

/** @param {Page} page @param {Recording} recording */
export function attachAll(page, recording) {
  attachRooms(page);
  attachFeedback(page);
  attachHistory(page);
  attachSharing(page, recording);
}
