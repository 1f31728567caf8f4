/** The receiving end on AWS: central/template.yaml, by the AWS SAM command line. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleFunctions } from "../../central/build.js";
import { checkTemplate } from "../../tests/central/template-check.js";
import { ROOT, run } from "../command.js";
import { DeployError, say } from "./fault.js";

const TEMPLATE = "central/template.yaml";
// A first deployment makes a table with a replica and waits for it; later ones wait for the canary,
// which takes ten minutes.
const DEPLOY_TIMEOUT_MS = 60 * 60_000;
const LOOK_TIMEOUT_MS = 60_000;

export class CentralStack {
  #name;
  #parameters;

  /** @param {string} environment @param {string[]} parameters NAME=VALUE */
  constructor(environment, parameters) {
    this.#name = `edgeroom-${environment}`;
    this.#parameters = parameters;
  }

  #deployArguments() {
    const args = ["deploy", "--template-file", TEMPLATE, "--stack-name", this.#name];
    args.push("--capabilities", "CAPABILITY_IAM", "--resolve-s3", "--no-confirm-changeset");
    args.push("--no-fail-on-empty-changeset");
    if (this.#parameters.length > 0) args.push("--parameter-overrides", ...this.#parameters);
    return args;
  }

  #outputsArguments() {
    return ["list", "stack-outputs", "--stack-name", this.#name, "--output", "json"];
  }

  commandLines() {
    return [
      `sam ${this.#deployArguments().join(" ")}`,
      `sam ${this.#outputsArguments().join(" ")}`,
    ];
  }

  /** Checks all that can be checked here, and makes the files that the functions are. */
  async prepare() {
    const { template, findings } = checkTemplate(await readFile(join(ROOT, TEMPLATE), "utf8"));
    const wrong = [...findings];
    for (const parameter of this.#parameters) {
      const [name, value] = parameter.split(/=(.*)/s);
      if (value === undefined)
        wrong.push(`--central-parameter takes NAME=VALUE, not "${parameter}"`);
      else if (!(name in template.Parameters)) {
        const known = Object.keys(template.Parameters).join(", ");
        wrong.push(`--central-parameter: the template has no ${name}; it has ${known}`);
      }
    }
    if (wrong.length > 0) {
      throw new DeployError(
        `${TEMPLATE} is not deployed like this:\n${wrong.map((text) => `  - ${text}`).join("\n")}`,
      );
    }
    const resources = Object.keys(template.Resources).length;
    say(`central     ${TEMPLATE}: ${resources} resources, as their schemas want them`);
    const { outputs } = await bundleFunctions();
    for (const [file, { bytes }] of Object.entries(outputs)) {
      if (file.endsWith(".mjs")) say(`central     ${file}: ${bytes} bytes`);
    }
    const tool = await run("sam", ["--version"], { timeoutMs: LOOK_TIMEOUT_MS });
    this.hasTool = tool.ok;
    if (tool.ok) say(`central     ${tool.output.trim()}`);
    else
      say(
        "not checked sam: the AWS SAM command line is not installed here, and --central needs it",
      );
  }

  /** @returns {Promise<string>} the address of the API, for PERSIST_URL */
  async deploy() {
    if (!this.hasTool) {
      throw new DeployError(
        "--central needs sam, the AWS SAM command line, and there is none. Install it " +
          "(pip install aws-sam-cli, or brew install aws-sam-cli), or leave --central out and deploy " +
          "central/template.yaml by what you have; central/README.md says how",
      );
    }
    const deployed = await run("sam", this.#deployArguments(), {
      timeoutMs: DEPLOY_TIMEOUT_MS,
      env: { SAM_CLI_TELEMETRY: "0" },
      visible: true,
    });
    if (!deployed.ok) throw new DeployError(`sam deploy failed:\n\n${deployed.output.trim()}\n`);
    const listed = await run("sam", this.#outputsArguments(), {
      timeoutMs: LOOK_TIMEOUT_MS,
      env: { SAM_CLI_TELEMETRY: "0" },
    });
    const start = listed.output.search(/^\[/m);
    if (!listed.ok || start < 0) {
      throw new DeployError(`sam list stack-outputs failed:\n\n${listed.output.trim()}\n`);
    }
    /** @type {{ OutputKey: string, OutputValue: string }[]} */
    const outputs = JSON.parse(listed.output.slice(start));
    for (const { OutputKey, OutputValue } of outputs)
      say(`central     ${OutputKey}: ${OutputValue}`);
    const address = outputs.find(({ OutputKey }) => OutputKey === "PersistUrl")?.OutputValue;
    if (address === undefined) throw new DeployError("the stack has no output PersistUrl");
    return address;
  }
}
