/**
 * Deploys the Worker, and with --central the receiving end: `node scripts/deploy.js ENVIRONMENT
 * [OPTION]...`, which scripts/deploy starts when all that this needs is installed; it also says what
 * the options are. Messages go to standard error; standard output has "version ID".
 */

import { build, run } from "./command.js";
import { checkRelease } from "./deployment/check.js";
import { DeployError, say } from "./deployment/fault.js";
import { readOptions, UsageError, varsOf } from "./deployment/options.js";
import { developmentValues, judge, readSecrets, SettingsCore } from "./deployment/settings.js";
import { bundle, readEnvironment, Wrangler } from "./deployment/wrangler.js";
import { endOnSignals } from "./process-tree.js";

/** @import { CentralStack } from "./deployment/central.js" */
/** @import { Options } from "./deployment/options.js" */
/** @import { Environment } from "./deployment/wrangler.js" */

/** Which source this is, for the list of versions; empty outside of a git repository. */
async function sourceTag() {
  const { ok, output } = await run("git", ["describe", "--always", "--dirty"], {
    timeoutMs: 10_000,
  });
  return ok ? output.trim().slice(0, 25) : "";
}

/** What is only known when the central API is there: its address, and the keys of its user. */
const MADE_BY_CENTRAL = new Set(["PERSIST_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);

/**
 * All that can be known before anything leaves this machine. Throws with all that is wrong.
 *
 * @param {Options} options
 * @param {string} toolchain
 * @param {Environment} target
 * @param {Wrangler} wrangler
 * @param {Set<string>} [later] settings that are looked at another time
 */
async function examine(options, toolchain, target, wrangler, later = new Set()) {
  const { environment, "dry-run": isDryRun } = options;
  const secrets = options.secrets === undefined ? {} : await readSecrets(options.secrets);
  const verdict = judge({
    environment,
    vars: { ...target.vars, ...varsOf(options.var) },
    secrets,
    accountSecrets: isDryRun ? undefined : await wrangler.secretNames(),
    bindings: target.bindings,
    core: await SettingsCore.load(toolchain),
    development: await developmentValues(),
  });
  const refusals = [...verdict.refusals, ...(isDryRun ? [] : verdict.blanks)]
    .filter(({ name }) => !later.has(name))
    .map((finding) => finding.say);
  if (refusals.length > 0) {
    throw new DeployError(
      `${environment} is not deployed like this:\n${refusals.map((text) => `  - ${text}`).join("\n")}`,
    );
  }
  return verdict;
}

/** The arguments that go with what is uploaded. @param {Options} options @param {string} tag */
function uploadArguments(options, tag) {
  const args = options.var.flatMap((text) => ["--var", text]);
  if (options.secrets !== undefined) args.push("--secrets-file", options.secrets);
  if (tag !== "") args.push("--tag", tag);
  if (options.message !== undefined) args.push("--message", options.message);
  return args;
}

/** @param {Environment} target @param {Awaited<ReturnType<typeof bundle>>} made */
function describe(target, { folder, files }) {
  say(`worker      ${target.worker}`);
  for (const { binding, what } of target.bindings) say(`binding     ${binding}: ${what}`);
  say(`migrations  ${target.migrations.join(", ")}`);
  const sum = { size: 0, zipped: 0 };
  for (const { name, size, zipped } of files) {
    say(`file        ${name}: ${size} bytes, ${zipped} gzipped`);
    sum.size += size;
    sum.zipped += zipped;
  }
  say(`together    ${sum.size} bytes, ${sum.zipped} gzipped, in ${folder}`);
}

/** @param {Options} options @returns {Promise<CentralStack | null>} */
async function centralStack({ central, environment, "central-parameter": parameters }) {
  if (!central) return null;
  // It reads the schemas of all that AWS has, which takes a second.
  const { CentralStack: Stack } = await import("./deployment/central.js");
  return new Stack(environment, parameters);
}

/** @param {Options} options @param {string} toolchain */
async function deploy(options, toolchain) {
  const { environment, percent } = options;
  const wrangler = new Wrangler(environment, toolchain);
  const target = await readEnvironment(environment);
  if (target.warnings !== "") say(target.warnings);
  const built = await build(toolchain);
  if (!built.ok) throw new DeployError("the build failed; see above");
  const stack = await centralStack(options);
  const later = stack === null || options["dry-run"] ? undefined : MADE_BY_CENTRAL;
  const verdict = await examine(options, toolchain, target, wrangler, later);
  say(`settings    as edge.wasm (${toolchain}) takes them: nothing is refused`);
  // A deployment bundles by itself; but not before the receiving end is there.
  if (options["dry-run"] || stack !== null) describe(target, await bundle(wrangler, environment));
  await stack?.prepare();
  const uploadArgs = uploadArguments(options, await sourceTag());
  if (options["dry-run"]) {
    sayWhatIsLeft(verdict, options);
    sayWhatWouldRun(wrangler, uploadArgs, percent, stack);
    return;
  }
  if (stack !== null) {
    await deployCentral(stack, { ...target.vars, ...varsOf(options.var) });
    await examine(options, toolchain, target, wrangler);
  }
  if (percent === undefined) await deployAtOnce(wrangler, uploadArgs);
  else await giveShare(wrangler, await upload(wrangler, uploadArgs), percent, options.message);
}

/** @param {Awaited<ReturnType<typeof examine>>} verdict @param {Options} options */
function sayWhatIsLeft({ blanks, unchecked }, { environment }) {
  for (const name of unchecked) {
    say(
      `not checked ${name}: it must be among the Worker's secrets (--secrets FILE checks and sets it)`,
    );
  }
  for (const finding of blanks) say(`to fill in  ${finding.say}`);
  if (blanks.length > 0) {
    say(`            ${environment} is not deployed before they are filled in`);
  }
}

/**
 * @param {Wrangler} wrangler
 * @param {string[]} uploadArgs
 * @param {number | undefined} percent
 * @param {CentralStack | null} stack
 */
function sayWhatWouldRun(wrangler, uploadArgs, percent, stack) {
  const commands = stack === null ? [] : stack.commandLines();
  if (percent === undefined) {
    commands.push(wrangler.commandLine(["deploy", ...uploadArgs]));
  } else {
    commands.push(wrangler.commandLine(["versions", "upload", ...uploadArgs]));
    const rest = percent < 100 ? [`CURRENT@${100 - percent}%`] : [];
    const shares = [`NEW@${percent}%`, ...rest];
    commands.push(wrangler.commandLine(["versions", "deploy", ...shares, "--yes"]));
  }
  for (const command of commands) say(`would run   ${command}`);
  say("dry run: nothing has left this machine");
}

/** @param {CentralStack} stack @param {Record<string, unknown>} vars */
async function deployCentral(stack, vars) {
  const address = await stack.deploy();
  if (vars.PERSIST_URL === address) return;
  throw new DeployError(
    `the central API is deployed, at ${address}, but PERSIST_URL is ${vars.PERSIST_URL}: set it in ` +
      "wrangler.toml to this address, and run this again",
  );
}

/** @param {Wrangler} wrangler @param {string[]} uploadArgs */
async function deployAtOnce(wrangler, uploadArgs) {
  const notes = await wrangler.notes(["deploy", ...uploadArgs]);
  const note = notes.find(({ type }) => type === "deploy");
  for (const address of note?.targets ?? []) say(`deployed    ${address}`);
  process.stdout.write(`version ${note?.version_id}\n`);
}

/** @param {Wrangler} wrangler @param {string[]} uploadArgs @returns {Promise<string>} the version */
async function upload(wrangler, uploadArgs) {
  try {
    const notes = await wrangler.notes(["versions", "upload", ...uploadArgs]);
    const note = notes.find(({ type }) => type === "version-upload");
    if (typeof note?.version_id !== "string") throw new DeployError("no version was uploaded");
    return note.version_id;
  } catch (error) {
    if (
      !(error instanceof DeployError) ||
      !/Durable Object migration|does not (yet )?exist/.test(error.message)
    ) {
      throw error;
    }
    throw new DeployError(
      `${error.message}\nA first deployment, and one with a new migration of Durable Objects, can't ` +
        "be rolled out by percentages: the classes of rooms change for all versions at once. Run it " +
        "without --percent, at a quiet hour; it can't be rolled back to before the migration",
    );
  }
}

/**
 * Gives a version its share, and what is left to the one that had most.
 *
 * @param {Wrangler} wrangler
 * @param {string} version
 * @param {number} percent
 * @param {string | undefined} message
 */
async function giveShare(wrangler, version, percent, message) {
  const shares = [`${version}@${percent}%`];
  if (percent < 100) {
    const others = (await wrangler.shares()).filter(({ version_id }) => version_id !== version);
    const [most] = others.sort((a, b) => b.percentage - a.percentage);
    if (most === undefined) {
      throw new DeployError(`there is no other version to take what ${percent} % leave`);
    }
    // The new one always first: then a room that has got it keeps it when its share grows.
    shares.push(`${most.version_id}@${100 - percent}%`);
  }
  const why = message === undefined ? [] : ["--message", message];
  await wrangler.run(["versions", "deploy", ...shares, "--yes", ...why]);
  say(`deployed    ${shares.join(", ")}`);
  process.stdout.write(`version ${version}\n`);
}

/** @param {Options} options @param {string} toolchain */
async function rollBack({ environment, version, message, "dry-run": isDryRun }, toolchain) {
  const wrangler = new Wrangler(environment, toolchain);
  const args = ["rollback", ...(version === undefined ? [] : [version]), "--yes"];
  args.push("--message", message ?? "rolled back by scripts/deploy");
  if (isDryRun) {
    say(`would run   ${wrangler.commandLine(args)}`);
    return;
  }
  say(await wrangler.run(args));
}

/** @param {Options} options */
async function check({ environment, version = "", url, minutes, errorsMax, "dry-run": isDryRun }) {
  const { worker, domain } = await readEnvironment(environment);
  const address = url || (domain === undefined ? undefined : `https://${domain}`);
  if (address === undefined) {
    throw new DeployError(
      `where does ${worker} answer? Give --url, or [env.${environment}] a custom domain in wrangler.toml`,
    );
  }
  await checkRelease({ worker, version, address, minutes, errorsMax, isDryRun });
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  const toolchain = process.env.EDGEROOM_TOOLCHAIN || "wasi";
  if (options.check) await check(options);
  else if (options.rollback) await rollBack(options, toolchain);
  else if (options.version !== undefined) await promote(options, toolchain);
  else await deploy(options, toolchain);
}

/** @param {Options} options @param {string} toolchain */
async function promote(options, toolchain) {
  const { environment, version = "", percent = 0, message } = options;
  const wrangler = new Wrangler(environment, toolchain);
  if (!options["dry-run"]) {
    await giveShare(wrangler, version, percent, message);
    return;
  }
  const rest = percent < 100 ? [`CURRENT@${100 - percent}%`] : [];
  const shares = [`${version}@${percent}%`, ...rest];
  say(`would run   ${wrangler.commandLine(["versions", "deploy", ...shares, "--yes"])}`);
}

endOnSignals({ graceMs: 2_000, collectMs: 2_000 });

main().catch((error) => {
  if (error instanceof UsageError) {
    say(`error: ${error.message}; scripts/deploy --help says what it takes`);
    process.exitCode = 2;
    return;
  }
  say(`error: ${error instanceof DeployError ? error.message : error.stack}`);
  process.exitCode = 1;
});
