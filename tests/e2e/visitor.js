// @ts-check
/**
 * Somebody who opens the demo page in a browser of their own, and what went wrong there.
 *
 * @import { Browser, BrowserContextOptions, Locator, Page } from "playwright-core"
 */
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
};

export function launchBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
}

/** What a browser says by itself when it is cut off, or refused a connection. */
const NETWORK_COMPLAINTS = [/net::ERR_INTERNET_DISCONNECTED/, /^WebSocket connection to /];
const REFUSAL_COMPLAINTS = [/^WebSocket connection to /, /the server responded with a status of 4/];

export class Visitor {
  /** Console errors, exceptions and violations of the Content-Security-Policy, as they came. */
  /** @type {string[]} */ problems = [];

  /**
   * @param {Page} page
   * @param {string} baseUrl
   */
  constructor(page, baseUrl) {
    this.page = page;
    this.baseUrl = baseUrl;
    page.on("console", (message) => {
      if (message.type() === "error") this.problems.push(message.text());
    });
    page.on("pageerror", (error) => this.problems.push(String(error)));
  }

  /**
   * @param {Browser} browser
   * @param {string} baseUrl
   * @param {BrowserContextOptions} [options]
   */
  static async open(browser, baseUrl, options = {}) {
    const context = await browser.newContext({
      locale: "en-GB",
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    const page = await context.newPage();
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
        console.error(`policy violated: ${violatedDirective} by ${blockedURI}`);
      });
    });
    return new Visitor(page, baseUrl);
  }

  /**
   * Fills in the form, as people do.
   *
   * @param {string} room
   * @param {string} user
   * @param {string} [token]
   */
  async join(room, user, token) {
    await this.page.goto(this.baseUrl);
    await this.page.getByTestId("room-input").fill(room);
    await this.page.getByTestId("user-input").fill(user);
    if (token !== undefined) {
      await this.page.getByText("Access token").first().click();
      await this.page.getByTestId("token-input").fill(token);
    }
    await this.page.getByTestId("join-button").click();
  }

  async isLive() {
    await this.state("open").waitFor();
  }

  /** @param {string} state */
  state(state) {
    return this.page.locator(`[data-testid=state][data-state=${state}]`);
  }

  /** @param {string} text */
  async say(text) {
    await this.page.getByTestId("message-input").fill(text);
    await this.page.getByTestId("send-button").click();
  }

  /** @returns {Locator} every message */
  get messages() {
    return this.page.getByTestId("message");
  }

  /** @param {string} text */
  message(text) {
    return this.messages.filter({ has: this.page.getByText(text, { exact: true }) });
  }

  /** What is said below a message. @param {string} text */
  note(text) {
    return this.page.getByTestId("note").getByText(text, { exact: true });
  }

  /** That nothing was said before what is shown. */
  get beginning() {
    return this.page.locator("[data-testid=beginning]:not([hidden])");
  }

  /** @param {string} status */
  withStatus(status) {
    return this.page.locator(`[data-testid=message][data-status=${status}]`);
  }

  get members() {
    return this.page.getByTestId("members").getByTestId("member");
  }

  /** @param {number} users */
  async seesPeople(users) {
    await this.page.locator(`[data-testid=count] >> text=/^${users} /`).waitFor();
  }

  /** The conversation as it is read, top to bottom. */
  async transcript() {
    return this.messages.evaluateAll((items) =>
      items.map((item) => {
        const text = item.querySelector("[data-testid=text]")?.textContent;
        const { seq, user } = /** @type {HTMLElement} */ (item).dataset;
        return { seq: Number(seq), user, text };
      }),
    );
  }

  /** Problems that are not the browser's own words about being cut off on purpose. */
  get problemsButNetwork() {
    return without(this.problems, NETWORK_COMPLAINTS);
  }

  /** Problems that are not the browser's own words about being refused. */
  get problemsButRefusal() {
    return without(this.problems, REFUSAL_COMPLAINTS);
  }

  async leave() {
    await this.page.context().close();
  }
}

/**
 * @param {string[]} problems
 * @param {RegExp[]} expected
 */
function without(problems, expected) {
  return problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
}
