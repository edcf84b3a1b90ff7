/** Loads a part of the page once it is used, so that nobody waits for what few use. */

/**
 * The first use of one of the places loads the part. A click on a button is repeated once it is there; what an input has
 * been set to, the part finds when it comes.
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
    for (const name of ["pointerdown", "focusin"]) {
      place.addEventListener(name, () => use().catch(() => {}));
    }
    place.addEventListener(
      "click",
      (event) => {
        const target = /** @type {HTMLElement} */ (event.target);
        if (isLoaded || target.closest("button") === null) return;
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
