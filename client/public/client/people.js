// @ts-check
/**
 * Who is here.
 *
 * @import { Member } from "./edgeroom.js"
 */
import { byId, make, makeAvatar } from "./dom.js";
import { plural } from "./words.js";

/** More names than this are only counted; nobody reads them. */
const NAMES_MAX = 200;

export class People {
  #view = byId("room-view", HTMLElement);
  #toggle = byId("people-toggle", HTMLButtonElement);
  #count = byId("count", HTMLSpanElement);
  #list = byId("members", HTMLUListElement);
  #more = byId("members-more", HTMLParagraphElement);
  #users = 0;
  #named = 0;

  /** @param {() => void} makePlace closes what else stands beside the conversation */
  constructor(makePlace) {
    this.#show(matchMedia("(min-width: 50rem)").matches);
    this.#toggle.addEventListener("click", () => {
      const isOpen = this.#view.dataset.people === "open";
      if (!isOpen) makePlace();
      this.#show(!isOpen);
    });
  }

  /** Something else wants its place. */
  makePlace() {
    this.#show(false);
  }

  /** Forgets everybody. */
  clear() {
    this.#named = 0;
    this.#list.replaceChildren();
    this.setCount({ count: 0, users: 0 });
  }

  /** @param {{ count: number, users: number }} counts connections, and distinct people */
  setCount({ count, users }) {
    this.#users = users;
    const words = plural(users, "person", "people");
    // Where the screen is narrow only the number is shown.
    const [number, word] = words.split(" ");
    this.#count.replaceChildren(number, make("span", "count-word", ` ${word}`));
    this.#toggle.setAttribute("aria-label", `${words} here`);
    this.#count.dataset.users = String(users);
    this.#count.dataset.connections = String(count);
    this.#toggle.title = `${words}, ${plural(count, "connection", "connections")}`;
    this.#showMore();
  }

  /**
   * @param {Member[]} members
   * @param {string} self
   */
  setMembers(members, self) {
    /** @type {Map<string, number>} */
    const connections = new Map();
    for (const { user } of members) connections.set(user, (connections.get(user) ?? 0) + 1);
    const names = [...connections.keys()].sort((a, b) => {
      if (a === self || b === self) return a === self ? -1 : 1;
      return a.localeCompare(b);
    });
    const shown = names.slice(0, NAMES_MAX);
    this.#named = shown.length;
    this.#list.replaceChildren(
      ...shown.map((user) => this.#makeMember(user, user === self, connections.get(user) ?? 1)),
    );
    this.#showMore();
  }

  /**
   * @param {string} user
   * @param {boolean} self
   * @param {number} connections
   */
  #makeMember(user, self, connections) {
    const item = make("li", "member");
    item.dataset.testid = "member";
    item.dataset.user = user;
    item.append(makeAvatar(user), make("bdi", "", user));
    const notes = [];
    if (connections > 1) notes.push(`${connections} connections`);
    if (self) notes.push("you");
    if (notes.length > 0) item.append(make("span", "aside", notes.join(", ")));
    return item;
  }

  #showMore() {
    const unnamed = this.#users - this.#named;
    this.#more.hidden = unnamed <= 0 || this.#named === 0;
    this.#more.textContent = `and ${plural(unnamed, "other", "others")}`;
  }

  #show(/** @type {boolean} */ shown) {
    this.#view.dataset.people = shown ? "open" : "closed";
    this.#toggle.setAttribute("aria-expanded", String(shown));
  }
}
