/** A sentence that says what an author has to change before the rule can run. */
export class Mistake extends Error {
  constructor(message) {
    super(message);
    this.name = "Mistake";
  }
}
