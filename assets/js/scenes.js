/* Drawings that domains bring beside the tokens.
 *
 * A scene is registered by its domain's name in assets/scenes/<domain>.js. It is made with tools for elements and for
 * talking back, opened with each run, and told what to show; whatever it throws costs the drawing and nothing else.
 */

/**
 * @typedef {object} SceneTools
 * @property {typeof import("./dom.js").h} h
 * @property {typeof import("./dom.js").svg} svg
 * @property {typeof import("./dom.js").picture} picture markup of the server, made safe
 * @property {(position?: number) => void} point the pointer is on a position, or on none
 * @property {(position: number) => void} select a position was chosen; -1: none
 * @property {(step: number) => void} go show another step
 *
 * @typedef {object} Scene
 * @property {HTMLElement} box what is put before the tokens
 * @property {(run: import("./run.js").Run) => void} open a run begins
 * @property {(view: object, step: number) => void} render show this view; `view.scene` is what the domain sent last
 * @property {(positions: number[]) => void} [light] light up positions
 * @property {(id: number) => HTMLElement | null} [glyph] a token as a small drawing
 * @property {() => void} [destroy]
 */

/** @type {Record<string, (tools: SceneTools) => Scene>} by domain */
export const scenes = {};
