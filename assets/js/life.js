/* What happened at one position: each time it was decoded and remasked. */

import { clamp, h, probability, put, say, sigma, svg } from "./dom.js";
import { GIVEN, MASKED, named, REMASKED } from "./run.js";

/** Events with those in which a token was hidden and kept, one after another, as one. */
function gathered(events) {
  const all = [];
  for (const event of events) {
    const last = all.at(-1);
    const stays = event.kind === "judged" && event.verdict === "kept";
    if (stays && last && last.times && last.verdict === "kept") Object.assign(last, { times: last.times + 1, until: event.step });
    else all.push(event.kind === "judged" ? { ...event, times: 1, until: event.step } : event);
  }
  return all;
}

/** The life of one token position. */
export class Life {
  constructor() {
    this.body = h("div", { class: "rp-lifebody" });
    this.box = h(
      "aside",
      { class: "rp-life", "aria-label": "Life of a token" },
      h("h4", { class: "rp-h" }, "Life of a token"),
      this.body,
    );
    this.key = "";
  }

  /** Builds the panel anew if the token or its events changed, then marks the current step. */
  render(run, p, k) {
    const key = p < 0 ? `none ${run.ended ? run.count : -1}` : `${p} ${run.count} ${run.missing}`;
    if (key !== this.key || run !== this.run) {
      this.key = key;
      this.run = run;
      if (p < 0) this.invite(run);
      else this.tell(run, p);
    }
    if (p >= 0) this.mark(run, p, k);
  }

  /** Nothing chosen: says what the panel is for and offers the positions that went back most often. */
  invite(run) {
    this.body.replaceChildren(
      h(
        "p",
        { class: "rp-hint" },
        "Choose a token to see its life: when it was decoded and how sure the model was, " +
          "when it was remasked, and what came back.",
      ),
    );
    if (!run.ended) return;
    const often = [];
    run.latest.back.forEach((n, p) => n && !run.isSpecial(run.latest.shown[p]) && often.push([n, p]));
    often.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    if (!often.length) return;
    const offers = often
      .slice(0, 8)
      .map(([n, p]) =>
        h(
          "button",
          { type: "button", class: "rp-offer", "data-pick": p },
          h("span", {}, run.name(run.latest.shown[p])),
          h("small", {}, `↺${n}`),
        ),
      );
    this.body.append(
      h("p", { class: "rp-hint" }, "Most often remasked in this run:"),
      h("div", { class: "rp-offers" }, ...offers),
    );
  }

  tell(run, p) {
    this.title = h("strong", { class: "rp-word" });
    this.state = h("span", { class: "rp-muted" });
    this.spark = svg("line", { class: "rp-now", y1: 0, y2: 100, "vector-effect": "non-scaling-stroke" });
    this.events = gathered(run.life[p]).map((event) => this.event(run, event));
    const history = this.events.length
      ? h("ol", { class: "rp-events" }, ...this.events)
      : h(
          "p",
          { class: "rp-hint" },
          run.isGiven[p] ? "Given: part of the prompt, it never changes." : "Nothing has happened here yet.",
        );
    const close = h(
      "button",
      { type: "button", class: "rp-close", "data-pick": -1, "aria-label": "Let the token go" },
      "×",
    );
    this.body.replaceChildren(
      h("div", { class: "rp-lifehead" }, this.title, this.state, close),
      ...(run.count && !run.isGiven[p] ? [this.curve(run, p)] : []),
      history,
    );
  }

  /** Confidence over the steps: solid where the token stood, dotted (best guess) where it was masked. */
  curve(run, p) {
    const paths = { psi: "", guess: "" };
    let before = "";
    run.steps.forEach((view, i) => {
      const kind = view.state[p] === MASKED || view.state[p] === REMASKED ? "guess" : "psi";
      const y = (100 - view.confidence[p] / 2.55).toFixed(1);
      paths[kind] += `${before === kind ? "V" : `M${i} `}${y}H${i + 1}`;
      before = kind;
    });
    const thrown = run.life[p]
      .filter((e) => e.kind === "remasked")
      .map((e) =>
        svg("line", {
          class: "rp-thrown",
          x1: e.step - 0.5,
          x2: e.step - 0.5,
          y1: 0,
          y2: 100,
          "vector-effect": "non-scaling-stroke",
        }),
      );
    const path = (kind) =>
      svg("path", { class: `rp-${kind}`, d: paths[kind], "vector-effect": "non-scaling-stroke" });
    const drawing = svg(
      "svg",
      { class: "rp-curve", viewBox: `0 -3 ${run.expected} 106`, preserveAspectRatio: "none", "aria-hidden": "true" },
      ...thrown,
      path("guess"),
      path("psi"),
      this.spark,
    );
    return h(
      "figure",
      { class: "rp-figure" },
      drawing,
      h(
        "figcaption",
        {},
        h("span", { class: "rp-line-psi" }, "when decoded"),
        h("span", { class: "rp-line-guess" }, "guess while masked"),
      ),
    );
  }

  event(run, event) {
    const decoded = event.kind === "decoded";
    const jump = h(
      "button",
      { type: "button", class: "rp-jump", "data-seek": event.step },
      h("span", { class: "rp-when" }, event.kind === "judged" && event.times > 1 ? `steps ${event.step}–${event.until}` : `step ${event.step}`),
      h("span", { class: `rp-what rp-${event.kind}` }, event.kind === "judged" ? "hidden to judge" : event.kind),
      this.token(run, event.id, "rp-token"),
    );
    const item = h(
      "li",
      { class: `rp-event rp-is-${event.kind}` },
      jump,
      decoded ? this.choices(run, event) : event.kind === "judged" ? this.judgement(run, event) : this.reasons(run, event),
    );
    item.rpStep = event.step;
    return item;
  }

  /** A token by its name, behind the drawing that the domain has for it, if any. */
  token(run, id, look = "") {
    const drawing = this.glyph ? this.glyph(id) : null;
    return h("span", look ? { class: look } : {}, ...(drawing ? [drawing] : []), run.name(id));
  }

  /** The alternatives as bars; where there are none, the probability alone. */
  choices(run, event) {
    const rows = event.others.length ? event.others : [[event.id, event.probability || 0]];
    if (!rows.some(([id]) => id === event.id)) rows.push([event.id, event.probability || 0]);
    return h(
      "div",
      { class: "rp-choices" },
      ...rows.map(([id, prob]) => {
        const bar = h("i");
        bar.style.width = `${clamp(prob * 100, 0, 100)}%`;
        return h(
          "div",
          { class: `rp-choice${id === event.id ? " rp-picked" : ""}` },
          this.token(run, id),
          h("b", {}, bar),
          h("em", {}, probability(prob)),
        );
      }),
    );
  }

  /** How often the token was hidden in turn, and what came of it. */
  judgement(run, { times, verdict, next }) {
    const outcomes = {
      kept: () => (times > 1 ? `${times} times, and kept each time` : "kept"),
      remasked: () => "sent back to the mask",
      replaced: () => `replaced by ${run.name(next)}`,
    };
    return h("div", { class: "rp-reasons" }, h("span", { class: "rp-verdict" }, outcomes[verdict]()));
  }

  reasons(run, event) {
    const facts = [`σ ${sigma(event.sigma)}`];
    if (event.psi !== null) facts.push(`ψ ${probability(event.psi)}`);
    if (event.weight !== null) facts.push(`${(100 * event.weight).toFixed(1)} % of this step's remasking`);
    const verdicts = {
      revised: () => `revised: came back as ${run.name(event.next)} at step ${event.until}`,
      churned: () => `churned: the same token came back at step ${event.until}`,
    };
    const verdict = event.verdict ? verdicts[event.verdict]() : "still masked";
    return h(
      "div",
      { class: "rp-reasons" },
      h("span", {}, facts.join(" · ")),
      h("span", { class: `rp-verdict rp-v-${event.verdict || "open"}` }, verdict),
    );
  }

  mark(run, p, k) {
    const view = run.at(k);
    say(this.title, view.state[p] === MASKED ? "masked" : run.name(view.shown[p]));
    const confidence =
      view.state[p] === GIVEN || view === run.zero ? "" : ` · ${probability(view.confidence[p] / 255)}`;
    say(this.state, `position ${p} · ${named(view.state[p])}${confidence}`);
    put(this.spark, "x1", k);
    put(this.spark, "x2", k);
    for (const item of this.events) {
      item.classList.toggle("rp-later", item.rpStep > k);
      item.classList.toggle("rp-here", item.rpStep === k);
    }
  }
}
