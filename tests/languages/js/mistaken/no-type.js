// No column is a string.

import { rule } from "./vendor/gristmill/index.js";

export default rule({ writes: { name: "string" }, row: () => ({ name: "" }) });
