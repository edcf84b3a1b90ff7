/** Types only; no module loads this at run time. */

/**
 * What `EventTarget` is for those who know the `detail` of each event that it dispatches.
 * @template Details By the names of the events.
 * @typedef {Omit<EventTarget, "addEventListener"> & {
 *   addEventListener: <Name extends keyof Details & string>(
 *     name: Name,
 *     listener: (event: CustomEvent<Details[Name]>) => void,
 *     options?: AddEventListenerOptions
 *   ) => void
 * }} TypedEventTarget
 */

/**
 * The base class of such: `EventTarget` itself, cast.
 * @template Details
 * @typedef {new () => TypedEventTarget<Details>} TypedEvents
 */

export {};
