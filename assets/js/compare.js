/* Runs side by side under one scrubber: each pane is a run of the player; what differs from the first is marked.
 *
 * Messages: open (titles, settings and start messages of the panes), steps ([pane, step message] of one round), end.
 */
(() => {
  "use strict";
  if (window.ReMDMCompare) return;

  const MOST = 4;
  const [SAME, ONE_MASKED, OTHER] = [0, 1, 2];

  /** One run among others: its heading, its drawing if the domain has one, its tokens, its numbers. */
  class Pane {
    constructor(tools, about, place, light) {
      const { h, Stage, Run, readStart } = tools;
      this.tools = tools;
      this.run = new Run(readStart(about.start));
      this.stage = new Stage();
      this.stage.box.setAttribute("aria-label", `Tokens of ${about.title}`);
      this.line = h("p", { class: "rp-pane-line" });
      this.fate = h("p", { class: "rp-pane-fate", hidden: "" });
      const settings = (about.settings || []).map(([name, value, differs]) =>
        h("span", differs ? { class: "rp-set rp-set-differs" } : { class: "rp-set" }, `${name} ${value}`),
      );
      const letter = h("b", { class: "rp-pane-letter" }, "ABCD"[place]);
      const head = h("div", { class: "rp-pane-head" }, h("h4", {}, letter, ` ${about.title}`), ...settings);
      this.body = h("div", { class: "rp-pane-body" }, this.stage.box);
      this.box = h("section", { class: "rp-pane", "aria-label": about.title }, head, this.body, this.line, this.fate);
      this.setScene(light);
    }

    /** The domain's own drawing before the tokens; its faults stay its own. */
    setScene(light) {
      const { h, svg, picture, scenes } = this.tools;
      const make = scenes[this.run.domain];
      if (!make) return;
      this.guard(() => {
        const point = (p) => light(p === null ? undefined : p);
        this.scene = make({ h, svg, picture, point, select: () => {}, go: () => {} });
        this.body.prepend(this.scene.box);
        this.scene.open(this.run);
      });
    }

    guard(work) {
      try {
        work();
      } catch {
        if (this.scene) this.scene.box.remove();
        this.scene = null;
      }
    }

    light(positions) {
      this.stage.light(positions);
      if (this.scene && this.scene.light) this.guard(() => this.scene.light(positions));
    }

    render(k, first, differing) {
      const { say } = this.tools;
      const view = this.run.at(k);
      this.stage.render(view);
      if (this.scene) this.guard(() => this.scene.render(view, k));
      this.stage.chips.forEach((chip, p) => {
        const apart = differing && this !== first && kind(first.run.at(k), view, first.run, p) === OTHER;
        if (apart !== chip.hasAttribute("data-apart")) chip.toggleAttribute("data-apart", apart);
      });
      const errors = this.run.checked ? ` · ${view.errors.length} error${view.errors.length === 1 ? "" : "s"}` : "";
      const counts = `${view.masked} masked · ${view.remasks} remasked so far · ${view.revised} revised`;
      say(this.line, `step ${Math.min(k, this.run.count)} / ${this.run.expected} · ${counts}${errors}`);
    }
  }

  /** How a position of two views differs; a token struck through counts as masked. */
  function kind(a, b, run, p) {
    const masked = (view) => view.state[p] === 0 || view.state[p] === 3;
    if (masked(a) && masked(b)) return SAME;
    if (masked(a) !== masked(b)) return ONE_MASKED;
    return a.shown[p] === b.shown[p] ? SAME : OTHER;
  }

  class Compare {
    constructor(root, host) {
      Object.assign(this, { root, host, panes: [], k: 0, follow: true, playing: false, id: null });
      this.tools = window.ReMDMPlayer.tools;
      this.off = new AbortController();
      root.classList.add("rp", "rp-compare");
      this.themes = new MutationObserver(() => this.recolour());
      for (const node of [document.documentElement, document.body])
        this.themes.observe(node, { attributes: true, attributeFilter: ["class"] });
      this.sizes = new ResizeObserver(() => this.resize());
      this.sizes.observe(root);
      this.recolour();
      root.hidden = true;
    }

    push(text) {
      const message = text ? JSON.parse(text) : null;
      if (!message || message.v !== 1) return;
      if (message.kind === "open") this.open(message);
      else if (message.kind === "all") this.all(message);
      else if (message.id !== this.id) return;
      else if (message.kind === "steps") this.take(message.list);
      else if (message.kind === "end") this.finish(message);
    }

    open(message) {
      const { h, buildBar } = this.tools;
      this.off.abort();
      this.off = new AbortController();
      this.memo = null;
      this.id = message.id;
      this.k = 0;
      this.follow = true;
      this.playing = false;
      this.ended = false;
      this.root.hidden = false;
      this.panes = message.panes.slice(0, MOST).map((about, place) => new Pane(this.tools, about, place, (p) => this.light(p)));
      this.bar = buildBar();
      this.bar.keys.remove();
      this.apart = h("canvas", { class: "rp-apart", role: "img" });
      this.cursor = h("div", { class: "rp-hline" });
      this.verdict = h("p", { class: "rp-verdict-line", role: "status" });
      const plot = h("div", { class: "rp-apart-plot" }, this.apart, this.cursor);
      const legend = h(
        "p",
        { class: "rp-apart-legend" },
        h("i", { class: "rp-square rp-apart-other" }),
        "another token than in A  ",
        h("i", { class: "rp-square rp-apart-mask" }),
        "masked in one of them  ",
        h("span", { class: "rp-t rp-c4", "data-state": "kept", "data-apart": "" }, "word"),
        "differs from A",
      );
      this.picture = h("section", { class: "rp-apart-box" }, h("h4", { class: "rp-h" }, "Where and when they part"), plot, legend);
      this.picture.hidden = this.panes.length < 2;
      const grid = h("div", { class: "rp-panes", "data-panes": this.panes.length }, ...this.panes.map((pane) => pane.box));
      this.root.replaceChildren(this.bar.box, grid, this.verdict, this.picture);
      for (const pane of this.panes) pane.stage.open(pane.run);
      this.size();
      this.listen();
      this.later();
    }

    listen() {
      const on = (target, what, act) => target.addEventListener(what, act, { signal: this.off.signal });
      on(this.bar.box, "click", (event) => {
        const control = event.target.closest("[data-do]");
        if (control) this.act(control.dataset.do);
      });
      on(this.bar.slider, "input", () => this.go(Number(this.bar.slider.value)));
      on(this.apart, "click", (event) => {
        const box = this.apart.getBoundingClientRect();
        this.go(Math.floor(((event.clientY - box.top) / box.height) * this.expected) + 1);
      });
      on(this.root, "keydown", (event) => this.key(event));
      on(this.root, "pointerover", (event) => this.light(event.target.rpPosition));
      on(this.root, "focusin", (event) => this.light(event.target.rpPosition));
    }

    act(name) {
      const acts = {
        first: () => this.go(0),
        previous: () => this.go(this.k - 1),
        next: () => this.go(this.k + 1),
        last: () => this.go(this.count),
        play: () => this.toggle(),
        live: () => Object.assign(this, { follow: true, k: this.count }),
      };
      if (acts[name]) acts[name]();
      this.later();
    }

    key(event) {
      const { target, key } = event;
      const way = { ",": -1, ".": 1, ArrowLeft: -1, ArrowRight: 1 }[key];
      const pane = this.panes.find((each) => each.stage.chips.includes(target));
      const to = pane && !event.altKey ? pane.stage.beside(target.rpPosition, key) : null;
      if (to !== null) pane.stage.rove(to);
      else if (way && target !== this.bar.slider) this.go(this.k + way);
      else return;
      event.preventDefault();
    }

    light(p) {
      for (const pane of this.panes) pane.light(p === undefined || p >= pane.run.length ? [] : [p]);
    }

    get count() {
      return Math.max(0, ...this.panes.map((pane) => pane.run.count));
    }

    get expected() {
      return Math.max(1, ...this.panes.map((pane) => pane.run.expected));
    }

    take(list) {
      for (const [place, message] of list) {
        const pane = this.panes[place];
        if (!pane) continue;
        const step = this.tools.readStep(message, pane.run.length);
        pane.run.add([step]);
        if (!pane.run.ended && pane.run.steps[step.i]) pane.stage.grow(pane.run.steps[step.i]);
      }
      if (this.follow) this.k = this.count;
      this.later();
    }

    /** The whole comparison at once: a recorded one. */
    all(message) {
      this.open(message);
      this.take(message.steps);
      this.finish(message);
    }

    async finish(message) {
      for (const [place, about] of message.panes.entries()) {
        const pane = this.panes[place];
        if (!pane) continue;
        const hole = pane.run.hole() || (pane.run.count < about.end.n ? [pane.run.count, about.end.n] : null);
        if (hole && this.host.frames) await this.heal(pane, hole);
        pane.run.ended = this.tools.readEnd(about.end);
        pane.stage.settle();
        this.tools.say(pane.fate, about.fate || "");
        pane.fate.hidden = !about.fate;
      }
      this.ended = true;
      if (this.follow) this.k = this.count;
      this.later();
    }

    async heal(pane, [from, to]) {
      try {
        const found = JSON.parse(await this.host.frames(pane.run.run, from, to));
        const steps = found.filter((each) => each.kind === "step");
        pane.run.add(steps.map((each) => this.tools.readStep(each, pane.run.length)));
      } catch {
        this.tools.say(pane.line, "Some steps did not arrive.");
      }
    }

    go(k) {
      this.k = Math.min(Math.max(Math.round(k), 0), this.count);
      this.follow = false;
      this.playing = false;
      this.later();
    }

    toggle() {
      if (this.playing) return void (this.playing = false);
      if (this.k >= this.count && this.ended) this.k = 0;
      Object.assign(this, { playing: true, follow: false, then: performance.now(), owed: 0 });
      requestAnimationFrame((now) => this.tick(now));
    }

    tick(now) {
      if (!this.playing || !this.root.isConnected) return;
      this.owed += (Math.min(now - this.then, 250) / 1000) * 8 * Number(this.bar.speed.value);
      this.then = now;
      const steps = Math.floor(this.owed);
      this.owed -= steps;
      this.k = Math.min(this.k + steps, this.count);
      if (this.k >= this.count) this.playing = false;
      this.later();
      requestAnimationFrame((next) => this.tick(next));
    }

    later() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        this.draw();
      });
    }

    draw() {
      const { say, put, icon } = this.tools;
      const [first] = this.panes;
      if (!first) return;
      for (const pane of this.panes) pane.render(this.k, first, this.panes.length > 1);
      put(this.bar.slider, "max", this.expected);
      if (Number(this.bar.slider.value) !== this.k) this.bar.slider.value = this.k;
      this.bar.slider.style.setProperty("--rp-done", `${(100 * this.k) / this.expected}%`);
      put(this.bar.slider, "aria-valuetext", `step ${this.k} of ${this.expected}`);
      say(this.bar.count, `step ${this.k} / ${this.expected}`);
      const wanted = this.playing ? "pause" : "play";
      if (this.bar.play.rpIcon !== wanted) {
        this.bar.play.rpIcon = wanted;
        this.bar.play.replaceChildren(icon(wanted));
        put(this.bar.play, "aria-label", this.playing ? "Pause" : "Play");
      }
      this.bar.live.hidden = this.ended;
      this.bar.live.disabled = this.follow;
      say(this.bar.live, this.follow ? "Live" : "Jump to live");
      put(this.root, "data-live", this.ended ? null : "true");
      put(this.root, "data-step", this.k);
      put(this.root, "data-steps", this.count);
      put(this.root, "data-panes", this.panes.length);
      this.drawApart();
    }

    /** Step by position: where the other panes differ from the first. */
    drawApart() {
      const { first, found } = this.differences();
      const [a] = this.panes;
      const rows = this.expected;
      const styles = getComputedStyle(this.root);
      const colour = { [ONE_MASKED]: styles.getPropertyValue("--rp-hatch"), [OTHER]: styles.getPropertyValue("--rp-c7") };
      if (this.apart.width !== a.run.length || this.apart.height !== rows)
        Object.assign(this.apart, { width: a.run.length, height: rows });
      const pen = this.apart.getContext("2d");
      pen.clearRect(0, 0, a.run.length, rows);
      for (const [i, p, what] of found) {
        pen.fillStyle = colour[what];
        pen.fillRect(p, i, 1, 1);
      }
      this.cursor.style.top = `${(100 * this.k) / rows}%`;
      if (this.panes.length < 2) return;
      const here = found.filter(([i, , what]) => i === Math.max(0, Math.min(this.k, this.count) - 1) && what === OTHER).length;
      const parted = first ? `They part at step ${first[0] + 1}, position ${first[1]}.` : "So far they are the same.";
      const now = this.k ? ` After step ${this.k}, ${here} of ${a.run.length} positions hold different tokens.` : "";
      this.tools.say(this.verdict, parted + now);
      this.tools.put(this.apart, "aria-label", `Differences by step and position. ${parted}${now}`);
    }

    /** The first difference, and all of them as [step, position, kind]; kept while nothing arrives. */
    differences() {
      const key = this.panes.map((pane) => `${pane.run.count}-${pane.run.missing}`).join();
      if (this.memo && this.memo.key === key && this.memo.id === this.id) return this.memo;
      const [a, ...others] = this.panes;
      const found = [];
      for (let i = 0; i < this.count; i++)
        for (let p = 0; p < a.run.length; p++) {
          const kinds = others.map((pane) => (i < pane.run.count || pane.run.ended ? kind(a.run.at(i + 1), pane.run.at(i + 1), a.run, p) : SAME));
          const most = Math.max(SAME, ...kinds);
          if (most) found.push([i, p, most]);
        }
      this.memo = { key, id: this.id, found, first: found[0] };
      return this.memo;
    }

    recolour() {
      const dark = Boolean(this.root.closest(".dark"));
      if (dark === this.dark) return;
      this.dark = dark;
      this.tools.dress(this.root, dark);
      if (this.panes.length) this.later();
    }

    resize() {
      if (this.root.clientWidth === this.width) return;
      const appeared = !this.width;
      this.size();
      for (const pane of this.panes) appeared ? pane.stage.layout() : pane.stage.fit();
    }

    size() {
      this.width = this.root.clientWidth;
      this.root.setAttribute("data-size", this.width >= 860 ? "wide" : this.width >= 520 ? "narrow" : "narrow tiny");
    }

    state() {
      return {
        k: this.k,
        ended: this.ended,
        panes: this.panes.map((pane) => {
          const view = pane.run.at(this.k);
          const ids = Array.from(view.shown, (id, p) => (view.state[p] === 3 ? pane.run.mask : id));
          return { count: pane.run.count, missing: pane.run.missing, masked: view.masked, remasks: view.remasks, ids };
        }),
        first: this.differences().first,
      };
    }
  }

  function mount(root, host = {}) {
    const compare = new Compare(root, host);
    root.__compare = compare;
    if (host.value) compare.push(host.value());
    if (host.watch) host.watch(() => compare.push(host.value()));
    return compare;
  }

  window.ReMDMCompare = { mount };
})();
