// Does wrong what the row says.

import { ABSENT, Reject, rule } from "./vendor/gristmill/index.js";

const DOES = {
  "the clock": () => ({ said: new Date().toISOString() }),
  "the time": () => ({ number: Date.now() }),
  "a stopwatch": () => ({ number: performance.now() }),
  "a random number": () => ({ number: Math.floor(Math.random() * 6) }),
  "a random uuid": () => ({ said: crypto.randomUUID() }),
  "a timer": () => setTimeout(() => {}, 1),
  "the network": () => fetch("https://example.com"),
  "another type": () => ({ number: "5" }),
  "a number that is not whole": () => ({ number: 0.5 }),
  "a number that is not exact": () => ({ number: 2 ** 53 }),
  "more than 64 bits": () => ({ number: 2n ** 63n }),
  "a bigint for a text": () => ({ said: 5n }),
  "null where a value is promised": () => ({ day: null }),
  "absent where nobody expects it": () => ({ said: ABSENT }),
  "half a letter": () => ({ said: "\ud83d" }),
  "a column too much": () => ({ nubmer: 1 }),
  "a column too few": () => ({ number: undefined }),
  "an unknown code": () => {
    throw new Reject("odd", "the row is odd");
  },
  "a property of nothing": () => ({ said: undefined.name }),
  "numbers of two kinds": () => ({ number: 1n + 1 }),
  "no error thrown": () => {
    throw "a text";
  },
  "a reason with half a letter": () => {
    throw new Reject("even", "half of \ud83d");
  },
  "an error with half a letter": () => {
    throw new Error("half of \ud83d");
  },
  "a line with half a letter": () => {
    console.log(`x${"\u{1f600}".repeat(2000)}`);
    throw new Reject("even", "printed");
  },
  "a promise": async () => ({}),
};

export default rule({
  reads: { what: "text | null" },
  writes: { number: "int64 | null", said: "text | null", day: "timestamp(ms)" },
  rejects: ["even"],

  row({ what }) {
    const answer = DOES[what ?? ""]?.();
    if (answer === undefined || answer instanceof Promise) return answer;
    return { number: 1, said: null, day: 0, ...answer };
  },
});
