// The patch explorer: a photograph, a grey patch that the reader moves over it, and what a network says then.
//
// Mounts on every <div class="patch-explorer"> that course_utils.plots.PatchExplorer wrote. All probabilities were
// computed by the run of the page and stand in the div as JSON; nothing is computed here but where the patch lies.
//
// First the reader guesses: the patch moves, and the numbers stay hidden until "this is my guess" is pressed.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const two = (share) => share.toFixed(2);

// The position whose patch has its centre nearest to a point, both in pixels of the photograph.
export function nearest(along, patch, stride, count) {
  return clamp(Math.round((along - patch / 2) / stride), 0, count - 1);
}

// How many positions cost the first class more than the one at (row, column).
export function costlier(scores, row, column) {
  return scores[0].flat().filter((share) => share < scores[0][row][column]).length;
}

function html(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

class Explorer {
  constructor(root) {
    const run = JSON.parse(root.querySelector("script").textContent);
    Object.assign(this, run, { root, grid: 0, covered: true, guessed: false, mapped: false });
    this.place = { row: 0, column: 0 };
    this.build(root.querySelector("img"));
    this.choose(Math.min(1, run.grids.length - 1));
  }

  get patch() { return this.grids[this.grid].patch; }
  get scores() { return this.grids[this.grid].scores; }
  get rows() { return this.scores[0].length; }
  get columns() { return this.scores[0][0].length; }
  get now() { return this.scores.map((own) => own[this.place.row][this.place.column]); }

  build(picture) {
    this.cover = html("span", { class: "cover", style: `background: rgb(${this.fill})` });
    this.map = html("canvas", { class: "map", "aria-hidden": "true" });
    this.state = html("p", { class: "state", "aria-live": "polite" });
    this.state.id = `patch-explorer-state-${document.querySelectorAll(".patch-explorer .state").length}`;
    picture.removeAttribute("style");
    picture.draggable = false;
    this.stage = html("div", {
      class: "stage", tabindex: 0, role: "application", "aria-roledescription": "photograph with a movable patch",
      "aria-label": `${picture.alt} Arrow keys move the patch, Home and End go to the first and the last position.`,
      "aria-describedby": this.state.id,
    }, picture, this.map, this.cover);
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("pointerdown", (event) => this.point(event));
    this.stage.addEventListener("pointermove", (event) => {
      // A finger moves the patch where it began on it, and elsewhere scrolls the page.
      if (event.buttons && (event.pointerType !== "touch" || this.held)) this.point(event);
    });
    for (const end of ["pointerup", "pointercancel"]) this.stage.addEventListener(end, () => { this.held = false; });

    const button = (text, action, group) => {
      const node = html("button", { type: "button" }, text);
      node.addEventListener("click", action);
      group.append(node);
      return node;
    };
    const sizes = html("div", { class: "choices", role: "group", "aria-label": "Side of the patch in pixels" }, "Patch:");
    this.sizes = this.grids.map(({ patch }, number) => button(`${patch} pixels`, () => this.choose(number), sizes));
    const actions = html("div", { class: "choices" });
    this.guess = button("This is my guess", () => this.commit(), actions);
    this.lift = button("Lift the patch", () => { this.covered = !this.covered; this.show(); }, actions);
    this.reveal = button("Show all positions", () => { this.mapped = !this.mapped; this.show(); }, actions);
    this.list = html("ul", { class: "bars", "aria-hidden": "true" });
    this.bars = this.names.map((name, number) => {
      const bar = html("span", { class: "bar" });
      const value = html("span", { class: "value" });
      const clean = html("span", { class: "clean", style: `left: ${100 * this.clean[number]}%` });
      this.list.append(html("li", {}, html("span", { class: "name" }, name), html("span", { class: "track" }, bar, clean), value));
      return { bar, value };
    });
    const numbers = html("div", { class: "numbers" }, this.list, html("p", { class: "note" }, "The upright line in a bar: without the patch."));
    this.root.replaceChildren(html("div", { class: "both" }, this.stage, numbers), sizes, actions, this.state);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Patch explorer");
    this.root.dataset.ready = "";
  }

  choose(number) {
    const centre = (index) => index * this.stride + this.patch / 2;
    const [y, x] = this.chosen ? [centre(this.place.row), centre(this.place.column)] : [0, 0];
    this.chosen = true;
    this.grid = number;
    this.move(nearest(y, this.patch, this.stride, this.rows), nearest(x, this.patch, this.stride, this.columns));
  }

  key(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key in steps) {
      const [down, right] = steps[event.key];
      this.move(this.place.row + down, this.place.column + right);
    } else if (event.key === "Home") this.move(0, 0);
    else if (event.key === "End") this.move(this.rows, this.columns);
    else return;
    event.preventDefault(); // or the page would scroll
  }

  point(event) {
    if (event.button > 0) return;
    if (event.type === "pointerdown") this.held = event.target === this.cover;
    const box = this.stage.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * this.width;
    const y = (event.clientY - box.top) / box.height * this.height;
    this.move(nearest(y, this.patch, this.stride, this.rows), nearest(x, this.patch, this.stride, this.columns));
  }

  move(row, column) {
    this.place = { row: clamp(row, 0, this.rows - 1), column: clamp(column, 0, this.columns - 1) };
    this.covered = true;
    this.show();
  }

  commit() {
    this.guessed = true;
    const before = costlier(this.scores, this.place.row, this.place.column);
    const lowest = Math.min(...this.scores[0].flat());
    const rank = before === 0 ? "No position costs it more" : `${before} of ${this.rows * this.columns} positions cost it more; the costliest leaves ${two(lowest)}`;
    this.verdict = `Your guess takes ${this.names[0]} from ${two(this.clean[0])} to ${two(this.now[0])}. ${rank}. `;
    this.show();
    this.stage.focus(); // the button is gone
    this.verdict = "";
  }

  show() {
    const share = (pixels, side) => `${100 * pixels / side}%`;
    this.cover.hidden = !this.covered;
    Object.assign(this.cover.style, {
      left: share(this.place.column * this.stride, this.width), top: share(this.place.row * this.stride, this.height),
      width: share(this.patch, this.width), height: share(this.patch, this.height),
    });
    this.sizes.forEach((button, number) => button.setAttribute("aria-pressed", String(number === this.grid)));
    this.guess.hidden = this.guessed;
    this.lift.hidden = this.reveal.hidden = !this.guessed;
    this.lift.textContent = this.covered ? "Lift the patch" : "Lay the patch";
    this.reveal.setAttribute("aria-pressed", String(this.mapped));
    const hidden = this.covered && !this.guessed;
    const shares = this.covered ? this.now : this.clean;
    this.list.classList.toggle("secret", hidden);
    this.bars.forEach(({ bar, value }, number) => {
      bar.style.width = hidden ? "0" : `${100 * shares[number]}%`;
      value.textContent = hidden ? "?" : two(shares[number]);
    });
    this.draw();
    const { row, column } = this.place;
    const where = this.covered
      ? `Patch of ${this.patch} pixels, row ${row + 1} of ${this.rows}, column ${column + 1} of ${this.columns}. ` : "No patch. ";
    const said = this.names.map((name, number) => `${name} ${two(shares[number])}`).join(", ");
    const clean = this.names.map((name, number) => `${name} ${two(this.clean[number])}`).join(", ");
    this.state.textContent = (this.verdict ?? "") + where
      + (hidden ? `Where does it cost ${this.names[0]} most? Without a patch: ${clean}.` : `${said}.`);
  }

  // One cell a position: orange where the first class loses, blue where it gains, clear where nothing changes.
  draw() {
    this.map.hidden = !this.mapped;
    if (!this.mapped) return;
    this.map.width = this.columns;
    this.map.height = this.rows;
    const pen = this.map.getContext("2d");
    const falls = this.scores[0].map((line) => line.map((share) => this.clean[0] - share));
    const reach = Math.max(...falls.flat().map(Math.abs), 1e-9);
    falls.forEach((line, row) => line.forEach((fall, column) => {
      pen.fillStyle = `rgba(${fall > 0 ? "230, 159, 0" : "0, 114, 178"}, ${0.85 * Math.abs(fall) / reach})`;
      pen.fillRect(column, row, 1, 1);
    }));
    const half = this.patch / 2 - this.stride / 2; // a cell lies around the centre of its patch
    const share = (pixels, side) => `${100 * pixels / side}%`;
    Object.assign(this.map.style, {
      left: share(half, this.width), top: share(half, this.height),
      width: share(this.columns * this.stride, this.width), height: share(this.rows * this.stride, this.height),
    });
  }
}

document.querySelectorAll(".patch-explorer").forEach((root) => new Explorer(root));
