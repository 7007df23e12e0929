/* The colours that are drawn on canvas, and the ramp of confidence that style sheets take from here. */

import { clamp, put } from "./dom.js";

/** OKLCH to [r, g, b] in 0..255: equal steps of lightness are seen as equal steps. */
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((x) =>
    Math.round(255 * clamp(x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055, 0, 1)),
  );
}

export const rgb = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
const pack = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;

export const unpack = (x) => [x & 255, (x >> 8) & 255, (x >> 16) & 255];

/** The colours of tokens and maps: doubt stands out in teal, sure is pale; the best guess where masked is grey. */
function palette(dark) {
  const psi = (x) =>
    dark ? oklch(0.46 - 0.21 * x, 0.085 - 0.07 * x, 188) : oklch(0.66 + 0.315 * x, 0.1 - 0.092 * x, 188);
  const guess = (x) => (dark ? oklch(0.2 + 0.2 * x, 0.006, 260) : oklch(0.985 - 0.17 * x, 0.006, 260));
  const veil = (x) => (dark ? oklch(0.68 - 0.2 * x, 0.13 - 0.06 * x, 100) : oklch(0.78 + 0.17 * x, 0.15 - 0.09 * x, 100));
  const table = (f) => Uint32Array.from({ length: 256 }, (_, c) => pack(f(c / 255)));
  return {
    psi,
    guess,
    kept: table(psi),
    masked: table(guess),
    decoded: pack(dark ? [92, 170, 235] : [60, 132, 198]),
    remasked: pack(dark ? [245, 150, 66] : [224, 112, 20]),
    judged: table(veil),
    given: pack(dark ? [74, 82, 98] : [196, 202, 212]),
    error: pack(dark ? [255, 140, 198] : [214, 42, 122]),
  };
}

/** Colours that styles cannot say: the confidence ramp. */
export function dress(root, dark) {
  const colours = palette(dark);
  put(root, "data-theme", dark ? "dark" : "light");
  for (let c = 1; c <= 8; c++) root.style.setProperty(`--rp-c${c}`, rgb(colours.psi((c - 0.5) / 8)));
  return colours;
}
