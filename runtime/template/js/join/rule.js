// What to call each country: its name and its code. Replace it by your rule.

import { rule } from "./vendor/gristmill/index.js";

export default rule({
  summary: "What to call each country: its name and its code.",
  reads: { country_code: "text | null" },
  joins: { countries: { on: ["country_code"], take: { country_name: "text | null" } } },
  writes: { country_label: "text | null" },

  row({ country_code, country_name }) {
    const isKnown = country_name !== null;
    return { country_label: isKnown ? `${country_name} (${country_code})` : country_code };
  },
});
