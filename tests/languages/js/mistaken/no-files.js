// Files are read by modules of Node, which a rule has not.

import { readFileSync } from "node:fs";
import { rule } from "./vendor/gristmill/index.js";

const NAMES = readFileSync("names.txt", "utf8");

export default rule({ writes: { name: "text" }, row: () => ({ name: NAMES }) });
