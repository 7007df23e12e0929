/* Elements, and how values are printed. Text from a model or a file only ever becomes a text node or an attribute. */

const ICONS = {
  first: "M4 4h2v12H4zM16 4v12L7 10z",
  previous: "M14 4v12L5 10z",
  play: "M6 3.5v13l10.5-6.5z",
  pause: "M5 4h3.5v12H5zM11.5 4H15v12h-3.5z",
  next: "M6 4v12l9-6z",
  last: "M14 4h2v12h-2zM4 4v12l9-6z",
};

/** An element with attributes and children; strings become text nodes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function icon(name) {
  return svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** Writes text only where it differs: an unchanged node costs no layout. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function put(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
export const probability = (x) => (x === null ? "–" : x > 0 && x < 0.005 ? "<0.01" : x.toFixed(2));
export const sigma = (x) => (x === null ? "–" : x === 0 ? "0" : x < 0.001 ? x.toExponential(1) : x.toFixed(3));
export const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

const UNSAFE = "script, style, iframe, object, embed, foreignObject, link, meta, base, form, animate, set";

/** Markup that the server drew (SVG or a little HTML), parsed and stripped of all that could run or load. */
export function picture(markup) {
  const parsed = new DOMParser().parseFromString(typeof markup === "string" ? markup : "", "text/html");
  for (const node of parsed.querySelectorAll(UNSAFE)) node.remove();
  for (const node of parsed.body.querySelectorAll("*"))
    for (const { name, value } of [...node.attributes]) {
      const loads = /^(?:href|xlink:href|src|srcset|action|formaction)$/i.test(name);
      const local = /^(?:#|data:image\/(?:png|webp|gif|jpeg);)/i.test(value.trim());
      if (/^on/i.test(name) || (loads && !local) || /url\(\s*['"]?(?!#)/i.test(value)) node.removeAttribute(name);
    }
  const box = h("span", { class: "rp-picture" });
  box.append(...parsed.body.childNodes);
  return box;
}
