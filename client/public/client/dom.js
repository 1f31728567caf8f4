// @ts-check
/** Small helpers for building the page. Nothing here takes markup: text stays text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * The element with this id, which the page is known to have.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @param {string} className */
export function makeIcon(className) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.append(document.createElementNS(SVG, "use"));
  return svg;
}

/** The round mark of a user: the first letter of the name. */
export function makeAvatar(/** @type {string} */ user) {
  const [first = "?"] = user.trim();
  const avatar = make("span", "avatar", first.toLocaleUpperCase());
  avatar.setAttribute("aria-hidden", "true");
  return avatar;
}

/**
 * @param {string} className
 * @param {string} words
 * @param {() => void} act
 */
export function makeButton(className, words, act) {
  const button = make("button", className, words);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}
