// A bracket is missing.

import { rule } from "./vendor/gristmill/index.js";

export default rule({
  writes: { name: "text" },
  row() {
    return { name: "" };
