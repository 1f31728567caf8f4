// All of edgeroom on this machine, in processes of its own: workerd with its state on disk, the central
// API with its store, and the way between them. Each can be killed, and started again with what it has
// stored.

import { CentralProcess } from "../edge/central-process.js";
import { CentralProxy } from "../edge/central-proxy.js";
import { killWorkerd } from "../edge/faults.js";
import { startEdge, temporaryFolder } from "../edge/harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

/**
 * @typedef {object} SiteOptions
 * @property {string} [entry] of startEdge()
 * @property {Record<string, string>} [vars] of startEdge()
 * @property {string} [edgeState] the folder of workerd's state; one of its own if left out
 * @property {string} [centralState] the folder of the central API's
 * @property {number} [centralLog] the open file that its log goes to
 */

export class Site {
  #options;

  /** @param {CentralProcess} central @param {CentralProxy} way @param {Edge} edge @param {Parameters<typeof startEdge>[0]} options */
  constructor(central, way, edge, options) {
    this.central = central;
    /** Between the edge and the central API. */
    this.way = way;
    this.edge = edge;
    this.#options = options;
  }

  /** @param {SiteOptions} [options] */
  static async open({ entry, vars, edgeState, centralState, centralLog } = {}) {
    const central = await CentralProcess.start({ stateDir: centralState, errors: centralLog });
    const way = await CentralProxy.start(central.url);
    const options = {
      centralUrl: way.url,
      stateDir: edgeState ?? (await temporaryFolder()),
      withoutPages: true,
      entry,
      vars,
    };
    return new Site(central, way, await startEdge(options), options);
  }

  /** Kills workerd. Until startEdge() nobody is there. */
  async killEdge() {
    killWorkerd();
    await this.edge.close();
  }

  async startEdge() {
    this.edge = await startEdge(this.#options);
  }

  async close() {
    await this.edge.close();
    await this.way.close();
    await this.central.kill();
  }
}

/**
 * A site for as long as something is done there.
 *
 * @param {SiteOptions} options
 * @param {(site: Site) => Promise<void>} act
 */
export async function withSite(options, act) {
  const site = await Site.open(options);
  try {
    await act(site);
  } finally {
    await site.close();
  }
}
