// Nothing is exported.

import { rule } from "./vendor/gristmill/index.js";

rule({ writes: { name: "text" }, row: () => ({ name: "" }) });
