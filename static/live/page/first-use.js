/** Loads a part of the page once it is used, so that nobody waits for what few use. */

/**
 * The first click in one of the places waits for the part, and is then repeated.
 * @param {string} places Selector.
 * @param {() => Promise<void>} load Rejected where it cannot be loaded; the next click tries again.
 * @returns {() => Promise<void>} Loads it now.
 */
export function onFirstUse(places, load) {
  /** @type {Promise<void> | null} */
  let loading = null;
  let isLoaded = false;

  function use() {
    loading ??= load().then(
      () => {
        isLoaded = true;
      },
      (error) => {
        loading = null;
        throw error;
      },
    );
    return loading;
  }

  for (const place of document.querySelectorAll(places)) {
    // Before the finger is up again, most of the way is gone.
    place.addEventListener("pointerdown", () => use().catch(() => {}), { passive: true });
    place.addEventListener(
      "click",
      (event) => {
        const target = /** @type {HTMLElement} */ (event.target);
        if (isLoaded || target.closest("button, input, label") === null) return;
        event.preventDefault();
        event.stopPropagation();
        use().then(
          () => target.click(),
          () => {},
        );
      },
      { capture: true },
    );
  }
  return use;
}
