// A rule has no `read`.

import { rule } from "./vendor/gristmill/index.js";

export default rule({ read: {}, writes: { name: "text" }, row: () => ({ name: "" }) });
