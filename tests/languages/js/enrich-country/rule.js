// The name of each country code, from the dimension countries.

import { rule } from "./vendor/gristmill/index.js";

export default rule({
  summary: "The name of each country code, from the dimension countries.",
  joins: { countries: { on: ["country_code"], take: { country_name: "text | null" } } },
  writes: { country_name: "text | null" },
  row: ({ country_name }) => ({ country_name }),
});
