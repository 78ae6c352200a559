// The domain of each e-mail address, and whether it is a company's.

import { rule } from "./vendor/gristmill/index.js";

export default rule({
  summary: "The domain of each e-mail address, and whether it is a company's.",
  config: {
    corporate_domains: {
      type: "array",
      items: { type: "string" },
      default: ["contoso.com", "autodesk.com", "company.com"],
    },
  },
  reads: { email: "text | null" },
  writes: { email_domain: "text | null", is_corporate: "boolean" },

  prepare({ corporate_domains }) {
    return new Set(corporate_domains.map(asciiLower));
  },

  row({ email }, known) {
    const domain = email?.slice(email.lastIndexOf("@") + 1);
    if (!domain || !email?.includes("@")) return { email_domain: null, is_corporate: false };
    return { email_domain: domain, is_corporate: known.has(asciiLower(domain)) };
  },
});

/** Domains compare without regard to ASCII case, and to no other.
 * @param {string} text */
function asciiLower(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
