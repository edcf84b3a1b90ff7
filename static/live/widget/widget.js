/**
 * `<starcast-meter for="id">`: rates the text of a field in any page, at every key.
 *
 * Attributes: `for`, the id of the field; `server`, the address of the Starcast server (default: where this module came
 * from); `token-url`, an address of the page's own site that answers `{"token": …}`, for servers that ask for keys;
 * `api-key`; `theme`, light, dark or auto (default: the page's own).
 *
 * Dispatches `rating` with the prediction as `detail` (protocol.js), or null if there is none; `status` with the state
 * of the connection (`Status` of socket.js); and `error` with a `Trouble`. Errors that the author of the page can fix
 * are also logged in the console.
 */

import { socketUrl } from "../client/protocol.js";
import { NO_ANSWER, RatingSocket, TokenError } from "../client/socket.js";
import { Settling } from "../lib/headline.js";
import { gettext } from "../lib/i18n.js";
import { labelsOf } from "../lib/labels.js";
import { announcement, CONNECTION, givenUp, refusal } from "../lib/strings.js";
import { FollowedField } from "./followed-field.js";
import { WidgetView } from "./widget-view.js";

/**
 * @import { Prediction, ServerError, Session } from "../client/protocol.js"
 * @import { Status } from "../client/socket.js"
 * @import { Root } from "./followed-field.js"
 *
 * @typedef {Pick<ServerError, "code" | "message"> & Partial<ServerError>} Trouble An error of the server, or one of
 *   the page: `no_field`, `bad_address`, `blocked`, `unreachable`, `no_token` or `not_understood`.
 */

const ANNOUNCE_AFTER_MS = 1_200;
// Milliseconds to wait for a field that a script adds to the page.
const FIELD_WITHIN_MS = 3_000;
// If no attempt ever succeeded, the second failure means a wrong server address or a policy of the page.
const UNREACHABLE_FROM_ATTEMPT = 2;
const NO_ADDRESS = gettext("The server address is not a valid URL, so nothing is rated.");

class StarcastMeter extends HTMLElement {
  static observedAttributes = ["for", "server", "api-key", "token-url"];

  #view = new WidgetView(this.attachShadow({ mode: "open" }));
  /** @type {FollowedField | null} */
  #field = null;
  /** @type {RatingSocket | null} */
  #socket = null;
  #url = "";
  /** @type {Session | null} */
  #session = null;
  // Whether the author of the page was told so.
  #isUnreachable = false;
  #sent = { seq: 0, text: "", isCut: false, chars: 0 };
  #settling = new Settling((headline) => {
    this.#view.showHeadline(headline, this.#sent.isCut ? this.#sent.chars : 0);
  });
  #announced = "";
  /** @type {number | undefined} */
  #quietTimer;
  /** @type {number | undefined} */
  #fieldTimer;
  /** @type {AbortController | null} */
  #hearing = null;
  /** @type {Set<string>} What the console was told already. */
  #warned = new Set();

  connectedCallback() {
    this.#hearing = new AbortController();
    const { signal } = this.#hearing;
    addEventListener("pageshow", () => this.#field?.tell(), { signal });
    addEventListener("online", () => this.#socket?.retryNow(), { signal });
    addEventListener("offline", () => this.#socket?.probe(), { signal });
    document.addEventListener("securitypolicyviolation", (event) => this.#blocked(event), {
      signal,
    });
    this.#field = this.#follow();
    this.#field.start();
    this.#fieldTimer = setTimeout(() => this.#checkField(), FIELD_WITHIN_MS);
  }

  disconnectedCallback() {
    this.#hearing?.abort();
    clearTimeout(this.#fieldTimer);
    this.#field?.stop();
    this.#leave();
  }

  attributeChangedCallback() {
    // Called for the initial attributes too, before the element is connected.
    if (this.#hearing === null || this.#hearing.signal.aborted) return;
    this.disconnectedCallback();
    this.connectedCallback();
  }

  #follow() {
    const root = /** @type {Root} */ (this.getRootNode());
    const field = new FollowedField(root, this.getAttribute("for") ?? "");
    field.addEventListener("focus", () => this.#connect());
    field.addEventListener("text", ({ detail }) => this.#read(detail.text));
    for (const type of /** @type {const} */ (["enter", "blur"])) {
      field.addEventListener(type, () => this.#socket?.flush());
    }
    return field;
  }

  #checkField() {
    if (this.#field?.text !== null) return;
    const id = this.getAttribute("for");
    let message = `there is no element with the id "${id}", which the attribute "for" names.`;
    if (!id) message = 'set the attribute "for" to the id of a text field.';
    else if (/** @type {Root} */ (this.getRootNode()).getElementById(id)) {
      message = `the element with the id "${id}" is not a text field. Passwords are never read.`;
    }
    this.#warn("no_field", message);
  }

  /** @param {string | null} text */
  #read(text) {
    if (text === null) return this.#leave();
    // Connect only once there is text.
    if (text !== "") this.#connect();
    this.#socket?.submit(text);
    this.#dim();
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => this.#announce(), ANNOUNCE_AFTER_MS);
  }

  #connect() {
    if (this.#socket !== null || this.#hearing === null) return;
    const server = this.getAttribute("server") ?? new URL(import.meta.url).origin;
    try {
      this.#url = socketUrl(server);
    } catch {
      this.#warn("bad_address", `the attribute "server" is not a valid URL: "${server}".`);
      return this.#view.showTrouble(NO_ADDRESS);
    }
    const key = this.getAttribute("api-key") ?? undefined;
    const tokenUrl = this.getAttribute("token-url");
    const token = tokenUrl === null ? undefined : () => fetchToken(tokenUrl);
    const socket = new RatingSocket(this.#url, { key, token });
    this.#socket = socket;
    const options = { signal: this.#hearing.signal };
    socket.addEventListener("model", ({ detail }) => this.#greeted(detail), options);
    socket.addEventListener(
      "sent",
      ({ detail }) => {
        this.#sent = detail;
      },
      options,
    );
    socket.addEventListener("prediction", ({ detail }) => this.#show(detail.prediction), options);
    socket.addEventListener("refused", ({ detail }) => this.#refused(detail), options);
    socket.addEventListener("state", ({ detail }) => this.#showState(detail), options);
    socket.addEventListener("fault", ({ detail }) => this.#fault(detail), options);
    socket.start();
  }

  #leave() {
    clearTimeout(this.#quietTimer);
    this.#socket?.close();
    this.#socket = this.#session = null;
    this.#isUnreachable = false;
    this.#dim();
    this.#settling.clear();
    this.#view.clear();
    this.#view.showTrouble("");
    this.#tell(null);
  }

  /** @param {Session} session */
  #greeted(session) {
    const { prior, states } = session;
    const labels = labelsOf(session);
    this.#session = session;
    this.#settling.scale = { prior, states, labels };
    if (!this.#view.setLabels(labels)) return;
    this.#settling.clear();
    this.#view.clear();
  }

  /** @param {Prediction} prediction */
  #show(prediction) {
    this.#view.showTrouble("");
    this.#view.showBars(prediction);
    // An answer for an older text is late, but not old: the wait begins anew.
    this.#view.dim(false);
    this.#dim();
    this.#settling.take(prediction, prediction.seq === this.#sent.seq ? this.#sent.text : "");
    this.#tell(prediction);
  }

  #dim() {
    this.#view.dim(this.#socket?.isSettled === false);
  }

  /** @param {Status} status */
  #showState(status) {
    const { state, attempt, code } = status;
    if (state === "open") this.#view.showTrouble("");
    else if (state === "closed") this.#view.showTrouble(givenUp(code ?? ""));
    else this.#view.showTrouble(CONNECTION[state]);
    this.dispatchEvent(new CustomEvent("status", { detail: status, bubbles: true }));
    if (this.#session !== null || this.#isUnreachable || state === "closed") return;
    if (code === NO_ANSWER || attempt === UNREACHABLE_FROM_ATTEMPT) {
      this.#isUnreachable = true;
      const why = "Is the server there, and does nothing in between block WebSockets?";
      this.#warn("unreachable", `no connection to ${this.#url}. ${why}`);
    }
  }

  /** @param {ServerError} error */
  #refused(error) {
    this.#view.showTrouble(refusal(error));
    const hint = hintAbout(error.code);
    if (hint === undefined) this.#dispatchError(error);
    else this.#warn(error.code, `${this.#url}: ${error.message}. ${hint}`, error);
  }

  /** @param {Error} error There is no token, the browser blocked the connection, or the server sent an unknown message. */
  #fault(error) {
    let code = "not_understood";
    if (error instanceof TokenError) code = "no_token";
    else if (error instanceof DOMException) code = "blocked";
    this.#warn(code, `${this.#url}: ${error.message}`);
  }

  /** @param {SecurityPolicyViolationEvent} event */
  #blocked({ blockedURI, effectiveDirective }) {
    if (this.#socket === null || effectiveDirective !== "connect-src") return;
    const { origin } = new URL(this.#url);
    if (!blockedURI.startsWith(origin)) return;
    const mend = `Add ${origin} to its connect-src.`;
    this.#warn("blocked", `the Content-Security-Policy of this page blocks ${this.#url}. ${mend}`);
  }

  /**
   * @param {string} code
   * @param {string} message For the author of the page; logged once.
   * @param {ServerError} [error]
   */
  #warn(code, message, error) {
    if (!this.#warned.has(message)) console.warn(`<starcast-meter>: ${message}`);
    this.#warned.add(message);
    this.#dispatchError({ ...error, code, message });
  }

  /** @param {Trouble} trouble Does not bubble, or the page's own error listeners would get it. */
  #dispatchError(trouble) {
    this.dispatchEvent(new CustomEvent("error", { detail: trouble }));
  }

  #announce() {
    const { headline } = this.#settling;
    const about = `${headline.state} ${headline.side} ${headline.labels && headline.rating?.label}`;
    if (!this.#socket?.isSettled || about === this.#announced) return;
    this.#announced = about;
    this.#view.announce(announcement(headline));
  }

  /** @param {Prediction | null} prediction */
  #tell(prediction) {
    this.dispatchEvent(new CustomEvent("rating", { detail: prediction, bubbles: true }));
  }
}

/**
 * @param {string} code Error code of the server.
 * @returns {string | undefined} How the author of the page can fix it.
 */
function hintAbout(code) {
  switch (code) {
    case "origin_refused":
      return `Add ${location.origin} to the server's setting STARCAST_ORIGINS, or set the attribute "token-url".`;
    case "key_missing":
      return 'Set the attribute "token-url" or "api-key".';
    case "unknown_path":
      return 'Leave the path out of the attribute "server".';
    case "key_invalid":
      return "Use a key that the server has not revoked, or a new token for each connection.";
  }
}

/**
 * @param {string} url
 * @returns {Promise<string>}
 */
async function fetchToken(url) {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const { token } = await response.json();
  if (typeof token !== "string") throw new Error(`${url} answered without "token"`);
  return token;
}

// A page may load two copies of this module: the first one counts.
if (!customElements.get("starcast-meter")) customElements.define("starcast-meter", StarcastMeter);
