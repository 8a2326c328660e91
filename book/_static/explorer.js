// The convolution explorer: a kernel that moves over its input, and the formula for the size of its output.
//
// Mounts on every <div class="conv-explorer">, replacing what is in it (which readers without scripts see). The first
// settings can be given: <div class="conv-explorer" data-size="7" data-kernel="3" data-stride="2" ...>.

import { axis } from "./explorer-math.js";

const SLIDERS = [
  { key: "size", name: "Input size", min: 1, max: 12, value: 7 },
  { key: "kernel", name: "Kernel", min: 1, max: 7, value: 3 },
  { key: "stride", name: "Stride", min: 1, max: 4, value: 1 },
  { key: "padding", name: "Padding", min: 0, max: 3, value: 0 },
  { key: "dilation", name: "Dilation", min: 1, max: 3, value: 1 },
];
const PRESETS = [
  { name: "no padding", size: 7, kernel: 3, stride: 1, padding: 0, dilation: 1 },
  { name: "keeps the size", size: 7, kernel: 3, stride: 1, padding: 1, dilation: 1 },
  { name: "halves it", size: 8, kernel: 2, stride: 2, padding: 0, dilation: 1 },
  { name: "dilated", size: 9, kernel: 3, stride: 1, padding: 2, dilation: 2 },
  { name: "leaves pixels over", size: 8, kernel: 3, stride: 3, padding: 0, dilation: 1 },
];
const LARGEST_CELL = 42;
const WIDE = 640; // from this width on, the output stands beside the input and not below it
const SIDES_OF_8 = { pathLength: 32 }; // so that the dashes of neighbouring cells, drawn in opposite directions, coincide
const GLIDE = 180; // milliseconds from one position to the next
const TICK = { moving: 500, still: 1000 }; // milliseconds at each position while playing

const SVG = "http://www.w3.org/2000/svg";
const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
let mounted = 0;

function make(namespace, tag, attributes = {}, ...children) {
  const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
const html = (tag, attributes, ...children) => make(null, tag, attributes, ...children);
const svg = (tag, attributes, ...children) => make(SVG, tag, attributes, ...children);

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

class Explorer {
  constructor(root) {
    this.root = root;
    this.id = `conv-explorer-${++mounted}`;
    this.settings = {};
    for (const { key, min, max, value } of SLIDERS) {
      const given = Number.parseInt(root.dataset[key], 10);
      this.settings[key] = clamp(Number.isNaN(given) ? value : given, min, max);
    }
    this.position = { row: 0, column: 0 }; // of the output
    this.shown = { row: 0, column: 0 }; // where the kernel is drawn; on its way to `position`
    this.touched = null; // the setting that was changed last
    this.timer = null;
    this.frame = null;
    this.build();
    this.change();
    // The picture is laid out for its width, so it is drawn again when that changes.
    new ResizeObserver(() => this.draw()).observe(this.stage);
    stillness.addEventListener("change", () => this.pause());
  }

  // The parts, once -------------------------------------------------------------------------------------------------

  build() {
    this.inputs = {};
    const sliders = SLIDERS.map(({ key, name, min, max }) => {
      const id = `${this.id}-${key}`;
      const value = html("output", { for: id });
      const input = html("input", { type: "range", id, min, max, step: 1, value: this.settings[key], "data-key": key });
      input.addEventListener("input", () => this.change({ [key]: Number(input.value) }, key));
      this.inputs[key] = { input, value };
      return html("div", { class: "slider" },
        html("div", { class: "name" }, html("label", { for: id }, name), value), input);
    });
    this.presets = PRESETS.map(({ name, ...settings }) => {
      const button = html("button", { type: "button", "aria-pressed": "false" }, name);
      button.addEventListener("click", () => this.change(settings));
      return { button, settings };
    });

    this.picture = svg("svg", { "aria-hidden": "true" });
    this.impossible = html("p", { class: "impossible", "aria-hidden": "true", hidden: true });
    this.stage = html("div", {
      class: "stage", tabindex: 0, role: "application", "aria-roledescription": "picture of a convolution",
      "aria-label": "Kernel on the input, and the output. Arrow keys move the kernel, Home and End go to the first and "
        + "the last position, space plays and pauses.",
      "aria-describedby": `${this.id}-state`,
    }, this.picture, this.impossible);
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.picture.addEventListener("pointerdown", (event) => this.point(event));
    this.picture.addEventListener("pointermove", (event) => {
      if (event.buttons && event.pointerType === "mouse") this.point(event); // a finger that moves scrolls the page
    });

    const button = (label, text, action) => {
      const node = html("button", { type: "button", "aria-label": label, title: label }, text);
      node.addEventListener("click", action);
      return node;
    };
    this.back = button("Previous position", "←", () => this.step(-1));
    this.forth = button("Next position", "→", () => this.step(1));
    this.play = html("button", { type: "button", class: "play" });
    this.play.addEventListener("click", () => (this.timer ? this.pause() : this.start()));
    this.state = html("p", { class: "state", id: `${this.id}-state`, "aria-live": "polite" });
    this.legend = html("ul", { class: "legend", "aria-label": "Legend" });
    this.formula = html("div", { class: "formula" });
    this.leftover = html("p", { class: "leftover", "aria-live": "polite" });

    this.root.replaceChildren(
      html("div", { class: "sliders" }, ...sliders),
      html("div", { class: "presets", role: "group", "aria-label": "Examples" },
        html("span", { "aria-hidden": "true" }, "Try:"), ...this.presets.map(({ button }) => button)),
      this.stage,
      html("div", { class: "below" }, html("div", { class: "steps" }, this.back, this.play, this.forth), this.legend),
      this.state,
      this.formula,
      this.leftover,
    );
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Convolution explorer");
    this.pause();
  }

  // What the reader does --------------------------------------------------------------------------------------------

  change(settings = {}, touched = null) {
    Object.assign(this.settings, settings);
    this.touched = touched;
    this.axis = axis(this.settings);
    for (const [key, { input, value }] of Object.entries(this.inputs)) {
      input.value = this.settings[key];
      value.textContent = this.settings[key];
    }
    for (const { button, settings: wanted } of this.presets) {
      const same = Object.entries(wanted).every(([key, value]) => this.settings[key] === value);
      button.setAttribute("aria-pressed", String(same));
    }
    const last = (this.axis.output ?? 1) - 1;
    this.position = { row: Math.min(this.position.row, last), column: Math.min(this.position.column, last) };
    this.shown = { ...this.position };
    if (this.axis.output === null) this.pause();
    for (const button of [this.back, this.forth, this.play]) button.disabled = this.axis.output === null;
    this.draw();
    this.describe();
    this.write();
  }

  key(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const last = (this.axis.output ?? 1) - 1;
    if (event.key in moves) {
      this.pause();
      const [down, right] = moves[event.key];
      this.go(this.position.row + down, this.position.column + right);
    } else if (event.key === "Home") this.go(0, 0);
    else if (event.key === "End") this.go(last, last);
    else if (event.key === " ") this.timer ? this.pause() : this.start();
    else return;
    event.preventDefault(); // or the page would scroll
  }

  point(event) {
    if (this.axis.output === null || event.button > 0) return;
    const box = this.picture.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const { cell, input, output } = this.layout;
    const inside = (grid, cells) =>
      x >= grid.x && y >= grid.y && x < grid.x + cells * cell && y < grid.y + cells * cell;
    if (inside(output, this.axis.output)) {
      this.pause();
      this.go(Math.floor((y - output.y) / cell), Math.floor((x - output.x) / cell));
    } else if (inside(input, this.axis.room)) { // the position whose window has its centre nearest to the pointer
      const nearest = (along) => Math.round((along / cell - this.axis.span / 2) / this.settings.stride);
      this.pause();
      this.go(nearest(y - input.y), nearest(x - input.x));
    }
  }

  step(by) {
    const n = this.axis.output;
    if (n === null) return;
    this.pause();
    this.goto(this.position.row * n + this.position.column + by);
  }

  goto(index) {
    const n = this.axis.output;
    const wrapped = (index + n * n) % (n * n);
    this.go(Math.floor(wrapped / n), wrapped % n);
  }

  go(row, column) {
    const n = this.axis.output;
    if (n === null) return;
    this.position = { row: clamp(row, 0, n - 1), column: clamp(column, 0, n - 1) };
    this.describe();
    this.glide();
  }

  start() {
    if (this.axis.output === null || this.timer) return;
    this.timer = window.setInterval(() => {
      this.goto(this.position.row * this.axis.output + this.position.column + 1);
    }, stillness.matches ? TICK.still : TICK.moving);
    this.state.setAttribute("aria-live", "off"); // nobody can listen to two positions a second
    this.play.textContent = "❚❚ Pause";
  }

  pause() {
    window.clearInterval(this.timer);
    this.timer = null;
    this.state?.setAttribute("aria-live", "polite");
    this.play.textContent = "▶ Play";
  }

  // The picture -----------------------------------------------------------------------------------------------------

  draw() {
    const { output, room } = this.axis;
    const possible = output !== null;
    this.impossible.hidden = possible;
    this.picture.toggleAttribute("hidden", !possible);
    this.picture.style.display = possible ? "" : "none";
    this.legend.hidden = !possible;
    this.drawLegend();
    if (!possible) {
      this.impossible.textContent = this.sentence();
      return;
    }
    const width = this.stage.clientWidth;
    const height = this.stage.clientHeight;
    if (!width) return; // not laid out yet; the ResizeObserver calls again
    this.layout = layout(width, height, room, output);
    const { cell, input, output: out } = this.layout;
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);

    const hatchId = `${this.id}-hatch`;
    const parts = [svg("defs", {}, hatch(hatchId))];
    const square = (grid, row, column, attributes) => svg("rect", {
      x: grid.x + column * cell, y: grid.y + row * cell, width: cell, height: cell, ...SIDES_OF_8, ...attributes,
    });
    for (let row = 0; row < room; row++) {
      for (let column = 0; column < room; column++) {
        const outside = this.axis.isPadding(row) || this.axis.isPadding(column);
        parts.push(square(input, row, column, { class: outside ? "padding pickable" : "pixel pickable", "pointer-events": "all" }));
        if (!this.axis.read[row] || !this.axis.read[column]) {
          parts.push(square(input, row, column, { class: "unread", fill: `url(#${hatchId})` }));
        }
      }
    }
    const { size, padding } = this.settings;
    parts.push(svg("rect", {
      class: "image", x: input.x + padding * cell, y: input.y + padding * cell, width: size * cell, height: size * cell,
    }));
    for (let row = 0; row < output; row++) {
      for (let column = 0; column < output; column++) {
        parts.push(square(out, row, column, { class: "result", "data-row": row, "data-column": column, rx: 3 }));
      }
    }
    this.beam = svg("polygon", { class: "beam" });
    parts.push(this.beam); // above the cells, below their headings
    const label = (grid, cells, text, note) => {
      const lines = [svg("text", { x: grid.x + (cells * cell) / 2, y: grid.y - 12 }, text)];
      if (note) lines.push(svg("text", { class: "note", x: grid.x + (cells * cell) / 2, y: grid.y + cells * cell + 18 }, note));
      return lines;
    };
    parts.push(
      ...label(input, room, `Input ${size} × ${size}`, padding ? `${room} × ${room} with padding` : ""),
      ...label(out, output, `Output ${output} × ${output}`, ""),
    );

    this.window = svg("g", { class: "window" });
    for (const down of this.axis.taps) {
      for (const right of this.axis.taps) {
        this.window.append(svg("rect", { class: "tap", x: right * cell, y: down * cell, width: cell, height: cell }));
      }
    }
    this.window.append(svg("rect", { class: "frame", width: this.axis.span * cell, height: this.axis.span * cell, rx: 2 }));
    this.current = svg("rect", { class: "current", width: cell, height: cell, rx: 3 });
    this.picture.replaceChildren(...parts, this.window, this.current);
    this.place();
  }

  // Puts the parts that move where `shown` says.
  place() {
    if (!this.layout || this.axis.output === null) return;
    const { cell, input, output, beside } = this.layout;
    const { row, column } = this.shown;
    const side = this.axis.span * cell;
    const from = { x: input.x + column * this.settings.stride * cell, y: input.y + row * this.settings.stride * cell };
    const to = { x: output.x + column * cell, y: output.y + row * cell };
    this.window.setAttribute("transform", `translate(${from.x} ${from.y})`);
    this.current.setAttribute("x", to.x);
    this.current.setAttribute("y", to.y);
    // From the edge of the window that faces the output to the opposite edges of the output's cell
    const corners = beside
      ? [[from.x + side, from.y], [to.x, to.y], [to.x, to.y + cell], [from.x + side, from.y + side]]
      : [[from.x, from.y + side], [to.x, to.y], [to.x + cell, to.y], [from.x + side, from.y + side]];
    this.beam.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
  }

  glide() {
    window.cancelAnimationFrame(this.frame);
    if (stillness.matches) {
      this.shown = { ...this.position };
      this.place();
      return;
    }
    const from = { ...this.shown };
    const start = performance.now();
    const move = (now) => {
      const part = clamp((now - start) / GLIDE, 0, 1);
      const eased = part * (2 - part);
      this.shown = {
        row: from.row + (this.position.row - from.row) * eased,
        column: from.column + (this.position.column - from.column) * eased,
      };
      this.place();
      if (part < 1) this.frame = window.requestAnimationFrame(move);
    };
    this.frame = window.requestAnimationFrame(move);
  }

  drawLegend() {
    const swatch = (text, attributes, filled) => {
      const picture = svg("svg", { viewBox: "0 0 18 18", "aria-hidden": "true" });
      if (filled) picture.append(svg("defs", {}, hatch(filled)));
      picture.append(svg("rect", { x: 1, y: 1, width: 16, height: 16, ...SIDES_OF_8, ...attributes }));
      return html("li", {}, picture, text);
    };
    const items = [swatch("read now by the kernel", { class: "tap" })];
    if (this.settings.dilation > 1 && this.settings.kernel > 1) items.push(swatch("edge of its window", { class: "frame" }));
    if (this.settings.padding) items.push(swatch("padding", { class: "padding" }));
    if (this.axis.read.includes(false)) {
      const id = `${this.id}-legend-hatch`;
      items.push(swatch("never read", { class: "unread", fill: `url(#${id})` }, id));
    }
    items.push(swatch("result", { class: "current" }));
    this.legend.replaceChildren(...items);
  }

  // The words -------------------------------------------------------------------------------------------------------

  sentence() {
    const { kernel, padding, dilation } = this.settings;
    const { span, room } = this.axis;
    const spread = dilation > 1 ? ` with dilation ${dilation} spans ${span} cells` : ` needs ${count(kernel, "cell")}`;
    const around = padding ? "the padded input" : "the input";
    return `No position: a kernel of ${kernel}${spread}, and ${around} has only ${room}. `
      + "Make the kernel or its dilation smaller, the input larger, or pad more.";
  }

  describe() {
    const { output, span, taps } = this.axis;
    this.state.classList.toggle("said-only", output === null); // the picture's place says it for the eye
    if (output === null) {
      this.state.textContent = this.sentence();
      return;
    }
    const { stride, padding, kernel } = this.settings;
    const { row, column } = this.position;
    const lines = (position, name) => {
      const [first, last] = [position * stride, position * stride + span - 1]; // from 0, as in the chapter's formula
      return first === last ? `${name} ${first}` : `${name}s ${first} to ${last}`;
    };
    const real = (position) => taps.filter((tap) => !this.axis.isPadding(position * stride + tap)).length;
    const onPadding = kernel * kernel - real(row) * real(column);
    const covers = span > kernel ? `The kernel's ${kernel} × ${kernel} taps are spread over` : "The kernel lies on";
    this.state.textContent =
      `Position ${row * output + column + 1} of ${output * output}: row ${row}, column ${column} of the output, counted from 0. `
      + `${covers} ${lines(row, "row")} and ${lines(column, "column")} of the ${padding ? "padded " : ""}input`
      + (onPadding ? `; ${onPadding} of its ${count(kernel * kernel, "tap")} ${onPadding === 1 ? "lies" : "lie"} on padding.` : ".");
  }

  write() {
    const { size, kernel, stride, padding, dilation } = this.settings;
    const { span, room, output, leftover, leftoverPixels } = this.axis;
    const word = (text) => html("span", { class: "word" }, text);
    const number = (value, key) => html("span", { class: key && key === this.touched ? "number touched" : "number" }, `${value}`);
    const floor = (...inside) => html("span", { class: "floor" }, ...inside);
    const fraction = (top, bottom) => html("span", { class: "fraction" }, html("span", {}, ...top), html("span", {}, bottom));
    // The layout of a line is for the eye; a screen reader, and whoever copies the text, gets the line as plain text.
    const line = (left, right, plain) => [
      html("span", { class: "left", "aria-hidden": "true" }, left),
      html("span", { "aria-hidden": "true" }, "="),
      html("span", { class: "right", "aria-hidden": "true" }, ...right),
      html("span", { class: "said-only plain" }, plain),
    ];

    const quotient = (room - span) / stride;
    const cut = Math.trunc(quotient * 100) / 100; // thirds go on for ever; the other strides end before
    const decimal = `${cut}${cut === quotient ? "" : "…"}`;
    const numerator = `${size} + 2·${padding} − ${span}`;
    const [ending, plainEnding] = output === null
      ? [[html("span", { class: "answer" }, "no position")], "no position"]
      : [[floor(number(decimal)), " + 1 = ", html("span", { class: "answer" }, `${output}`)], `⌊${decimal}⌋ + 1 = ${output}`];
    this.formula.replaceChildren(
      html("div", { class: "equation" },
        ...line("span", [word("dilation"), " · (", word("kernel"), " − 1) + 1"], "span = dilation·(kernel − 1) + 1"),
        ...line("", [number(dilation, "dilation"), " · (", number(kernel, "kernel"), ` − 1) + 1 = ${span}`],
          `= ${dilation}·(${kernel} − 1) + 1 = ${span}`)),
      html("div", { class: "equation" },
        ...line("output",
          [floor(fraction([word("size"), " + 2 · ", word("padding"), " − ", word("span")], word("stride"))), " + 1"],
          "output = ⌊(size + 2·padding − span) / stride⌋ + 1"),
        ...line("",
          [floor(fraction([number(size, "size"), " + 2 · ", number(padding, "padding"), ` − ${span}`], number(stride, "stride"))),
            " + 1"],
          `= ⌊(${numerator}) / ${stride}⌋ + 1`),
        ...line("", ending, `= ${plainEnding}`)),
    );

    const sentences = [];
    if (output !== null) {
      const one = leftover === 1;
      if (leftover === 0) sentences.push("The last step ends exactly at the edge, so floor drops nothing.");
      else {
        sentences.push(
          `After the last step ${count(leftover, "cell")} ${one ? "is" : "are"} left over, too few for another step of ${stride}: `
          + `floor drops ${one ? "it" : "them"}.`,
          `The ${one ? "last row and the last column" : `last ${leftover} rows and columns`} of the `
          + `${padding ? "padded " : ""}input are never read.`);
        if (leftoverPixels === 0) sentences.push("They are padding, so no pixel of the image is lost.");
        else if (leftoverPixels < leftover) sentences.push(`${count(leftoverPixels, "pixel")} of that is image, the rest padding.`);
      }
      if (stride > kernel || this.axis.read.slice(0, room - leftover).includes(false)) {
        sentences.push("Within the input, too, the kernel jumps over cells and never reads them.");
      }
    }
    this.leftover.textContent = sentences.join(" ");
  }
}

// Where the two grids stand, and how large a cell is: as large as fits, so that the whole picture is always seen.
function layout(width, height, room, output) {
  const beside = width >= WIDE;
  const heading = 30; // above each grid
  const foot = 26; // below the input, for its note
  const margin = 4;
  if (beside) {
    const cell = Math.min(
      LARGEST_CELL, (width - 2 * margin) / (room + output + 3), (height - heading - foot) / Math.max(room, output));
    const gap = Math.max(3 * cell, 60);
    const left = (width - (room + output) * cell - gap) / 2;
    const middle = heading + (height - heading - foot) / 2;
    return {
      cell, beside,
      input: { x: left, y: middle - (room * cell) / 2 },
      output: { x: left + room * cell + gap, y: middle - (output * cell) / 2 },
    };
  }
  const between = 2 * foot + heading;
  const cell = Math.min(
    LARGEST_CELL, (width - 2 * margin) / Math.max(room, output), (height - heading - between - margin) / (room + output));
  const top = (height - (room + output) * cell - between + heading) / 2;
  return {
    cell, beside,
    input: { x: (width - room * cell) / 2, y: top },
    output: { x: (width - output * cell) / 2, y: top + room * cell + between },
  };
}

function hatch(id) {
  return svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("line", { class: "hatch", x1: 3, y1: 0, x2: 3, y2: 6 }));
}

for (const root of document.querySelectorAll("div.conv-explorer")) new Explorer(root);
