/**
 * `<starcast-meter for="id">`: rates what is typed into a field of any page, at every key.
 *
 * Attributes: `for`, the id of the field; `server`, the address of the Starcast server, without which it is the one
 * that this module came from; `api-key`; `theme`, light, dark or auto, without which it is the page's own.
 * Dispatches `rating` with the prediction as `detail` (protocol.js), or null where there is none.
 */

import { socketUrl } from "../client/protocol.js";
import { RatingSocket } from "../client/socket.js";
import { gettext } from "../lib/i18n.js";
import { isTooShort } from "../lib/rating.js";
import { announcement, CONNECTION, givenUp, refusal, TOO_SHORT } from "../lib/strings.js";
import { FollowedField } from "./followed-field.js";
import { WidgetView } from "./widget-view.js";

const ANNOUNCE_AFTER_MS = 1_200;
const NO_ADDRESS = gettext("The address of the server is none, so nothing is rated.");

class StarcastMeter extends HTMLElement {
  static observedAttributes = ["for", "server", "api-key"];

  #view = new WidgetView(this.attachShadow({ mode: "open" }));
  #field = null;
  #socket = null;
  #session = null;
  #shown = null;
  #announced = "";
  #quietTimer = null;
  #hearing = null;

  connectedCallback() {
    this.#hearing = new AbortController();
    const { signal } = this.#hearing;
    addEventListener("pageshow", () => this.#field.tell(), { signal });
    addEventListener("online", () => this.#socket?.retryNow(), { signal });
    addEventListener("offline", () => this.#socket?.probe(), { signal });
    this.#field = new FollowedField(this.getRootNode(), this.getAttribute("for") ?? "");
    this.#field.addEventListener("focus", () => this.#connect());
    this.#field.addEventListener("text", ({ detail }) => this.#read(detail.text));
    for (const type of ["enter", "blur"]) {
      this.#field.addEventListener(type, () => this.#socket?.flush());
    }
    this.#field.start();
  }

  disconnectedCallback() {
    this.#hearing.abort();
    this.#field.stop();
    this.#leave();
  }

  attributeChangedCallback() {
    // Attributes that are there from the begin are told before the element is connected.
    if (this.#hearing === null || this.#hearing.signal.aborted) return;
    this.disconnectedCallback();
    this.connectedCallback();
  }

  #read(text) {
    if (text === null) return this.#leave();
    // Nobody who only reads a page costs the server a connection.
    if (text !== "") this.#connect();
    this.#socket?.submit(text);
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => this.#announce(), ANNOUNCE_AFTER_MS);
  }

  #connect() {
    if (this.#socket !== null) return;
    let url;
    try {
      url = socketUrl(this.getAttribute("server") ?? new URL(import.meta.url).origin);
    } catch {
      return this.#view.showTrouble(NO_ADDRESS);
    }
    const socket = new RatingSocket(url, { key: this.getAttribute("api-key") ?? undefined });
    this.#socket = socket;
    const { signal } = this.#hearing;
    const listen = (type, listener) =>
      socket.addEventListener(type, ({ detail }) => listener(detail), { signal });
    listen("session", (session) => {
      this.#session = session;
    });
    listen("prediction", ({ prediction }) => this.#show(prediction));
    listen("refused", (error) => this.#view.showTrouble(refusal(error)));
    listen("state", (status) => this.#showState(status));
    socket.start();
  }

  #leave() {
    clearTimeout(this.#quietTimer);
    this.#socket?.close();
    this.#socket = this.#session = null;
    this.#shown = null;
    this.#view.clear();
    this.#view.showTrouble("");
    this.#tell(null);
  }

  #show(prediction) {
    const tooShort = isTooShort(prediction, this.#session?.prior);
    this.#shown = { ...prediction, isTooShort: tooShort };
    this.#view.showTrouble("");
    this.#view.show(prediction, tooShort);
    this.#tell(prediction);
  }

  #showState({ state, code }) {
    if (state === "open") this.#view.showTrouble("");
    else if (state === "reconnecting") this.#view.showTrouble(CONNECTION.reconnecting);
    else if (state === "closed") this.#view.showTrouble(givenUp(code));
  }

  #announce() {
    if (this.#shown === null || !this.#socket?.isSettled) return;
    const words = this.#shown.isTooShort ? `${TOO_SHORT}.` : announcement(this.#shown);
    if (words === this.#announced) return;
    this.#announced = words;
    this.#view.announce(words);
  }

  #tell(prediction) {
    this.dispatchEvent(new CustomEvent("rating", { detail: prediction, bubbles: true }));
  }
}

// Two copies of this module in one page are one too many, yet no reason for an error.
if (!customElements.get("starcast-meter")) customElements.define("starcast-meter", StarcastMeter);
