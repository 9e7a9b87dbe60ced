// What becomes of an important message, as its sender sees it: stored, delivered, acknowledged.

export class Important {
  #shown;
  /** The ids of those for whom it was meant. */
  #audience;
  #delivered = new Set();
  #read = new Set();
  #isStored = false;

  /**
   * @param shown where its state is written
   * @param audience the ids of the members that are there when it is sent
   */
  constructor(shown, audience) {
    this.#shown = shown;
    this.#audience = new Set(audience);
    shown.textContent = "sending…";
  }

  stored() {
    this.#isStored = true;
    this.#show();
  }

  failed(error) {
    this.#shown.textContent = `not sent: ${error.message}`;
  }

  /** @param step what a member says of it: "delivered" or "read" */
  receipt(step, from) {
    // A receipt may be here before the news that it is stored.
    this.#isStored = true;
    this.#audience.add(from);
    this.#delivered.add(from);
    if (step === "read") this.#read.add(from);
    this.#show();
  }

  #show() {
    if (!this.#isStored) return;
    const all = this.#audience.size;
    const by = (names) => `${[...names].join(", ")} (${names.size} of ${all})`;
    const steps = ["stored"];
    if (this.#delivered.size > 0) steps.push(`delivered to ${by(this.#delivered)}`);
    steps.push(this.#read.size > 0 ? `read by ${by(this.#read)}` : "read by nobody yet");
    this.#shown.textContent = steps.join(" · ");
  }
}
