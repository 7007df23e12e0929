/* The stations of Learn: their words, a chart, and what tells a visitor that the one thing to do was done.
 *
 * Messages: course (all stations with what is right at each), answer (what became of a word that was put in). What the
 * stage shows is read from its marks (data-role, data-position, data-step) after each gesture on it.
 */

import { h, put, say, svg } from "./dom.js";

const STAGE = "#learn-board .rp";
const GESTURES = ["click", "input", "keydown"];
const DONE = "You have seen all of it. Now try settings of your own under Text.";
const [WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM] = [470, 210, 34, 66, 12, 34];
const MARKS = ["rect", "circle", "diamond", "triangle"];

class Learn {
  constructor(root, host) {
    Object.assign(this, { root, host, course: null, at: 0, done: new Set() });
    for (const gesture of GESTURES) document.addEventListener(gesture, (event) => this.gesture(event));
    root.addEventListener("click", (event) => this.click(event));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      const mark = event.target.closest("[data-point]");
      if (!mark) return;
      event.preventDefault();
      this.point(Number(mark.dataset.point));
    });
  }

  push(text) {
    const message = text ? JSON.parse(text) : null;
    if (!message || message.v !== 1) return;
    if (message.kind === "course" && !this.course) this.build(message);
    if (message.kind === "answer" && this.course) this.answer(message.right, message.sentence);
  }

  build(course) {
    this.course = course;
    const step = (station, place) =>
      h("button", { type: "button", class: "ls-step", "data-station": place }, h("b", {}, `${place + 1}`), ` ${station.title}`);
    this.steps = course.stations.map(step);
    this.title = h("h2", { class: "ls-title" });
    this.text = h("p", { class: "ls-text" });
    this.task = h("p", { class: "ls-task" });
    this.said = h("p", { class: "ls-answer", role: "status" });
    this.next = h("button", { type: "button", class: "ls-next", hidden: "" }, "Next station");
    this.more = h("button", { type: "button", class: "ls-more", hidden: "" }, "And LLaDA’s “remasking”?");
    this.chart = h("div", { class: "ls-chart", hidden: "" }, drawChart(course.chart));
    this.root.replaceChildren(
      h("div", { class: "ls-steps", role: "group", "aria-label": "Stations" }, ...this.steps),
      h(
        "div",
        { class: "ls-body" },
        h("div", { class: "ls-words" }, this.title, this.text),
        this.chart,
        h("div", { class: "ls-do" }, this.task, this.said, h("div", { class: "ls-buttons" }, this.next, this.more)),
      ),
    );
    this.show(0);
  }

  get station() {
    return this.course.stations[this.at];
  }

  show(place) {
    this.at = place;
    const { title, text, task } = this.station;
    put(this.root, "data-station", place);
    say(this.title, title);
    say(this.text, text);
    say(this.task, task);
    this.chart.hidden = this.course.chart.station !== place;
    this.tell("", null);
    this.next.hidden = this.more.hidden = true;
    this.tick();
  }

  tick() {
    this.steps.forEach((step, place) => {
      put(step, "aria-current", place === this.at ? "step" : null);
      put(step, "data-done", this.done.has(place) ? "" : null);
    });
  }

  tell(sentence, right) {
    say(this.said, sentence);
    put(this.said, "data-right", right === null ? null : String(right));
  }

  answer(right, sentence) {
    if (right) {
      this.done.add(this.at);
      this.next.hidden = this.at === this.course.stations.length - 1;
      this.more.hidden = !this.station.more;
      if (this.done.size === this.course.stations.length) sentence = `${sentence} ${DONE}`;
      this.tick();
    } else if (this.said.dataset.right === "true") return; // what was found stays found
    this.tell(sentence, right);
  }

  click({ target }) {
    const step = target.closest(".ls-step");
    const mark = target.closest("[data-point]");
    if (step) this.open(Number(step.dataset.station));
    else if (mark) this.point(Number(mark.dataset.point));
    else if (target === this.next) this.open(this.at + 1);
    else if (target === this.more) {
      this.tell(this.station.more, true);
      this.more.hidden = true;
      this.host.pick(this.course.more);
    }
  }

  open(place) {
    this.show(place);
    this.host.pick(place);
    this.steps[place].scrollIntoView({ block: "nearest", inline: "center" });
  }

  point(place) {
    for (const each of this.chart.querySelectorAll("[data-point]")) put(each, "aria-pressed", String(Number(each.dataset.point) === place));
    this.host.pick(this.course.more + 1 + place);
    const { eta, steps, errors, nfe } = this.course.chart.points[place];
    const facts = `${eta ? `η ${eta}` : "MDLM"}, T = ${steps}: ${errors.toFixed(2)} errors, ${Math.round(nfe)} evaluations. `;
    const { answers, otherwise } = this.station.check;
    const found = answers.find((each) => each.points.includes(place));
    this.answer(Boolean(found), found ? found.sentence : facts + otherwise);
  }

  /** After something was done on the stage: is it what the station asks for? */
  gesture({ target }) {
    const stage = document.querySelector(STAGE);
    if (!this.course || !stage || !stage.contains(target) || target.closest("[data-do=play]")) return;
    requestAnimationFrame(() => requestAnimationFrame(() => this.check(stage)));
  }

  check(stage) {
    const { kind, answers, otherwise } = this.station.check;
    if (kind === "token") {
      const token = stage.querySelector("[data-role=token][aria-selected=true]");
      if (!token) return;
      const lane = [...stage.querySelectorAll("[data-role=lane]")].findIndex((each) => each.contains(token));
      const position = Number(token.dataset.position);
      const found = answers.find((each) => each.lane === lane && each.positions.includes(position));
      this.answer(Boolean(found), found ? found.sentence : otherwise);
    } else if (kind === "step") {
      const step = Number(stage.dataset.step);
      const found = answers.find(({ steps: [from, to] }) => step >= from && step <= to);
      this.answer(Boolean(found), found ? found.sentence : otherwise);
    }
  }
}

/** Errors against network evaluations, a line for each strength; every mark can be clicked. */
function drawChart({ points, few }) {
  const nfe = points.map((each) => Math.log2(each.nfe));
  const [least, most] = [Math.min(...nfe), Math.max(...nfe)];
  const top = Math.max(...points.map((each) => each.errors)) * 1.05;
  const x = (value) => LEFT + ((Math.log2(value) - least) / (most - least || 1)) * (WIDE - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / top) * (HIGH - TOP - BOTTOM);
  const etas = [...new Set(points.map((each) => each.eta))];
  const lines = etas.flatMap((eta, place) => {
    const own = points.filter((each) => each.eta === eta);
    const path = own.map((each, i) => `${i ? "L" : "M"}${x(each.nfe).toFixed(1)} ${y(each.errors).toFixed(1)}`).join("");
    const last = own.at(-1);
    const name = svg("text", { x: x(last.nfe) + 10, y: y(last.errors) + 4, class: `ls-name ls-line-${place}` }, eta ? `η ${eta}` : "MDLM");
    return [svg("path", { d: path, class: `ls-line ls-line-${place}` }), name];
  });
  const marks = points.map((each, place) => {
    const line = etas.indexOf(each.eta);
    const words = `${each.eta ? `η ${each.eta}` : "MDLM"}, T = ${each.steps}: ${each.errors.toFixed(2)} errors, ${Math.round(each.nfe)} network evaluations`;
    const about = { class: `ls-mark ls-line-${line}`, role: "button", tabindex: 0, "data-point": place, "aria-label": words, "aria-pressed": "false" };
    const at = { transform: `translate(${x(each.nfe).toFixed(1)} ${y(each.errors).toFixed(1)})` };
    return svg("g", { ...about, ...at }, svg("title", {}, words), svg("circle", { r: 13, class: "ls-hit" }), shape(MARKS[line % MARKS.length]));
  });
  const ticks = [...new Set(points.map((each) => each.steps))].map((value) =>
    svg("text", { x: x(Math.min(value, 2 ** most)), y: HIGH - BOTTOM + 16, class: "ls-tick", "text-anchor": "middle" }, `${value}`));
  const grades = Array.from({ length: Math.floor(top) + 1 }, (_, value) => value).filter((value) => top < 7 || value % 2 === 0);
  const sides = grades.map((value) => svg("text", { x: LEFT - 8, y: y(value) + 4, class: "ls-tick", "text-anchor": "end" }, `${value}`));
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "group", "aria-label": "Errors a story against network evaluations" },
    svg("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(0), y2: y(0), class: "ls-axis" }),
    svg("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(few), y2: y(few), class: "ls-few" }),
    svg("text", { x: (LEFT + WIDE - RIGHT) / 2, y: HIGH - 3, class: "ls-tick", "text-anchor": "middle" }, "network evaluations a story →"),
    ...ticks, ...sides, ...lines, ...marks,
  );
}

function shape(name) {
  if (name === "circle") return svg("circle", { r: 5.5, class: "ls-shape" });
  if (name === "rect") return svg("rect", { x: -5, y: -5, width: 10, height: 10, class: "ls-shape" });
  return svg("path", { d: name === "diamond" ? "M0 -7L7 0L0 7L-7 0z" : "M0 -6.5L6.5 5.5L-6.5 5.5z", class: "ls-shape" });
}

export function mount(root, host) {
  const learn = new Learn(root, host);
  if (host.value) learn.push(host.value());
  if (host.watch) host.watch(() => learn.push(host.value()));
  return learn;
}

window.ReMDMLearn = { mount };
