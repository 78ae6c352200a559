// Builds the component of the rule in this folder: `node vendor/gristmill/build.mjs NAME`.
//
// Nothing is done where NAME.wasm is newer than what it is made of. The first build installs the
// compiler into `node_modules`.

import { spawnSync } from "node:child_process";
import { isBuiltin } from "node:module";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { asInt64, PAIR } from "./pairs.mjs";

const SDK = path.relative(process.cwd(), path.dirname(fileURLToPath(import.meta.url)));

/** Version, and size of what is installed, as seen on Linux. */
const COMPILER = { name: "componentize-qjs", version: "0.4.5", size: "38 MB" };

/** A folder for the tools of several rules; without one each has its own. */
const TOOLS = process.env.GRISTMILL_TOOLS ? path.join(process.env.GRISTMILL_TOOLS, "js") : ".";

/** Folders of which nothing is a part of the component, beside those with a dot in front. */
const NO_SOURCE = new Set(["node_modules", "cases", "tests"]);

const name = process.argv[2];
if (name === undefined) fail("usage: node vendor/gristmill/build.mjs NAME");
if (!existsSync("rule.js")) fail("there is no rule.js here: it holds the rule");
const component = `${name}.wasm`;
if (!isCurrent()) {
  install();
  // Whoever saves a file while the compiler runs has a source newer than the component.
  const begun = new Date();
  mkdirSync(".build", { recursive: true });
  writeFileSync(".build/about.js", `export const NAME = ${JSON.stringify(name)};\n`);
  await check();
  build(begun);
}

function isCurrent() {
  if (!existsSync(component)) return false;
  const made = statSync(component).mtimeMs;
  return sources(".").every((file) => statSync(file).mtimeMs < made);
}

/** What a component is made of. */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    const isNone = entry.name.startsWith(".") || NO_SOURCE.has(entry.name);
    if (entry.isDirectory()) return isNone ? [] : sources(file);
    return /\.(js|mjs|wit)$|^package\.json$/.test(entry.name) ? [file] : [];
  });
}

/** Makes node_modules hold the compiler. */
function install() {
  const { name, version, size } = COMPILER;
  const folder = path.join(TOOLS, "node_modules");
  const installed = path.join(folder, name, "package.json");
  if (existsSync(installed) && JSON.parse(readFileSync(installed)).version === version) return;
  console.error(`installing ${name} ${version} from npm into ${folder}, once (${size})`);
  mkdirSync(TOOLS, { recursive: true });
  // NODE_ENV=production would leave both kinds out.
  const all = ["--include=dev", "--include=optional"];
  const save = ["--save-dev", "--save-exact", ...all];
  const options = [...save, "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = run("npm", ["install", "--prefix", TOOLS, ...options, `${name}@${version}`]);
  if (npm.error !== undefined) fail("there is no npm here: install Node.js, which brings it");
  if (npm.status !== 0) {
    fail(`npm cannot install ${name}: see above. It needs the network once, or npm's \`registry\``);
  }
}

/** Opens the rule in Node first, which names a mistake at once, with its line. */
async function check() {
  for (const source of sources(".").filter((file) => !file.startsWith(SDK))) {
    readFileSync(source, "utf8").split("\n").forEach((line, at) => {
      const module = /^\s*import\b.*["']([^"']+)["'];?\s*$/.exec(line)?.[1];
      if (module !== undefined && isBuiltin(module)) {
        fail(
          `\`${module}\` is a module of Node.js, and a rule has no files, no network and no ` +
            "clock: put data into the config, into a dimension that it joins, or into a module " +
            `of its own, export default [..] (${source}:${at + 1})`,
        );
      }
    });
  }
  try {
    const { declared } = await import(pathToFileURL(path.resolve(SDK, "declared.js")));
    const { default: rule } = await import(pathToFileURL(path.resolve("rule.js")));
    declared(rule);
  } catch (error) {
    const said = error.name === "SyntaxError" ? grammar() : error.stack;
    const place = /rule\.js:(\d+)/.exec(said ?? "");
    const kind = error.name === "Mistake" ? "" : `${error.name}: `;
    const message = error.message.replace(/ imported from .*/, "");
    fail(`${kind}${message}${place === null ? "" : ` (rule.js:${place[1]})`}`);
  }
}

/** Where the grammar of rule.js is wrong: Node says it to those who run it alone. */
function grammar() {
  return spawnSync(process.execPath, ["--check", "rule.js"], { encoding: "utf8" }).stderr;
}

function build(begun) {
  const compiler = path.resolve(TOOLS, "node_modules", ".bin", COMPILER.name);
  const entry = path.join(SDK, "component.js");
  const wit = ".build/wit";
  const made = `${component}.new`;
  mkdirSync(wit, { recursive: true });
  const interfaces = readFileSync(path.join(SDK, "wit/transform.wit"), "utf8");
  writeFileSync(`${wit}/transform.wit`, interfaces.replaceAll("list<s64>", `list<${PAIR}>`));
  const options = ["--sync", "--stub-wasi", "--module-root", "."];
  const asked = ["--wit", wit, "--js", entry, "--output", made, ...options];
  const built = spawnSync(compiler, asked, { encoding: "utf8" });
  if (built.status !== 0) {
    const said = `${built.stdout ?? ""}${built.stderr ?? built.error}`;
    fail(said.slice(Math.max(0, said.indexOf("Error:"))).trim());
  }
  writeFileSync(made, asInt64(readFileSync(made)));
  utimesSync(made, begun, begun);
  renameSync(made, component);
}

function run(command, options) {
  return spawnSync(command, options, { stdio: ["ignore", "ignore", "inherit"] });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
