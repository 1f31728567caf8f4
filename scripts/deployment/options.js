/** The options of scripts/deploy, which says itself what they mean. */

import { parseArgs } from "node:util";

const NAME_AND_VALUE = /^([A-Za-z_][A-Za-z0-9_]*):(.*)$/s;

/** @typedef {ReturnType<typeof readOptions>} Options */

/** Arguments that make no sense. */
export class UsageError extends Error {}

/** @param {string[]} args @throws {UsageError} */
export function readOptions(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        central: { type: "boolean", default: false },
        "central-parameter": { type: "string", multiple: true, default: [] },
        check: { type: "boolean", default: false },
        "dry-run": { type: "boolean", default: false },
        "errors-max": { type: "string" },
        message: { type: "string" },
        minutes: { type: "string" },
        percent: { type: "string" },
        rollback: { type: "boolean", default: false },
        secrets: { type: "string" },
        url: { type: "string" },
        var: { type: "string", multiple: true, default: [] },
        version: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const [environment, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`unknown argument: ${more[0]}`);
  if (environment !== "staging" && environment !== "production") {
    throw new UsageError("which environment: staging or production?");
  }
  const options = {
    ...values,
    environment: /** @type {"staging" | "production"} */ (environment),
    percent: readNumber("--percent", values.percent, 0, 100),
    minutes: readNumber("--minutes", values.minutes, 0, 360) ?? 0,
    errorsMax: readNumber("--errors-max", values["errors-max"], 0, 100) ?? 1,
  };
  checkCombination(options, values);
  return options;
}

/** @param {string} name @param {string | undefined} text @param {number} min @param {number} max */
function readNumber(name, text, min, max) {
  if (text === undefined) return undefined;
  const number = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${name} is "${text}"; it is ${min} to ${max}`);
}

/**
 * @param {{ check: boolean, rollback: boolean, central: boolean, percent?: number, version?: string, var: string[], "central-parameter": string[] }} options
 * @param {Record<string, unknown>} given
 */
function checkCombination(options, given) {
  const { check, rollback, central, percent, version } = options;
  const kinds = [
    check && "--check",
    rollback && "--rollback",
    percent !== undefined && "--percent",
  ];
  const chosen = kinds.filter(Boolean);
  if (chosen.length > 1) throw new UsageError(`${chosen.join(" and ")} do not go together`);
  if (check && version === undefined) throw new UsageError("--check needs --version ID");
  if (version !== undefined && chosen.length === 0) {
    throw new UsageError("--version goes with --percent, --check or --rollback");
  }
  if (!check && ["url", "minutes", "errors-max"].some((name) => given[name] !== undefined)) {
    throw new UsageError("--url, --minutes and --errors-max go with --check");
  }
  const isUpload = !check && !rollback && version === undefined;
  if (!isUpload && (given.secrets !== undefined || options.var.length > 0 || central)) {
    throw new UsageError("--secrets, --var and --central go with what is uploaded");
  }
  if (options["central-parameter"].length > 0 && !central) {
    throw new UsageError("--central-parameter goes with --central");
  }
  for (const text of options.var) {
    if (!NAME_AND_VALUE.test(text)) throw new UsageError(`--var takes NAME:VALUE, not "${text}"`);
  }
}

/** Variables by name. @param {string[]} vars NAME:VALUE */
export function varsOf(vars) {
  return Object.fromEntries(
    vars.map((text) => {
      const [, name, value] = NAME_AND_VALUE.exec(text) ?? [];
      return [name, value];
    }),
  );
}
