// The live figure of the home page: a picture, a 3 x 3 kernel and what the kernel makes of the picture.

const SIZE = 64;

const KERNELS = {
  "nothing": [0, 0, 0, 0, 1, 0, 0, 0, 0],
  "blur": [0.11, 0.11, 0.11, 0.11, 0.12, 0.11, 0.11, 0.11, 0.11],
  "upright edges": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "level edges": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  "sharpen": [0, -1, 0, -1, 5, -1, 0, -1, 0],
};

// Convolution as networks do it: no flip, no padding, so the result is two pixels smaller each way.
export function convolve(image, size, kernel) {
  const out = size - 2;
  const result = new Float32Array(out * out);
  for (let y = 0; y < out; y++) {
    for (let x = 0; x < out; x++) {
      let sum = 0;
      for (let i = 0; i < 9; i++) sum += kernel[i] * image[(y + Math.floor(i / 3)) * size + x + (i % 3)];
      result[y * out + x] = sum;
    }
  }
  return result;
}

// A house beside a round tree, drawn small.
function drawScene(context) {
  const fill = (shade, draw) => {
    context.fillStyle = `rgb(${shade}, ${shade}, ${shade})`;
    context.beginPath();
    draw();
    context.fill();
  };
  fill(205, () => context.rect(0, 0, SIZE, SIZE));
  fill(120, () => context.rect(0, 50, SIZE, 14));
  fill(235, () => context.rect(8, 28, 26, 24));
  fill(70, () => { context.moveTo(4, 29); context.lineTo(21, 12); context.lineTo(38, 29); });
  fill(90, () => context.rect(13, 38, 6, 14));
  fill(50, () => context.rect(24, 35, 6, 6));
  fill(80, () => context.rect(48, 38, 4, 14));
  fill(40, () => context.arc(50, 30, 11, 0, 2 * Math.PI));
  fill(250, () => context.arc(56, 8, 5, 0, 2 * Math.PI));
}

function luminance({ data }) {
  return Float32Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}

function show(context, values, shift) {
  const size = context.canvas.width;
  const pixels = context.createImageData(size, size);
  values.forEach((value, i) => {
    pixels.data.fill(Math.max(0, Math.min(255, value + shift)), 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  });
  context.putImageData(pixels, 0, 0);
}

function start(root) {
  const [input, output] = root.querySelectorAll("canvas");
  const source = input.getContext("2d", { willReadFrequently: true });
  const target = output.getContext("2d");
  const numbers = [...root.querySelectorAll("input")];
  const presets = root.querySelector(".presets");

  const update = () => {
    const kernel = numbers.map((field) => Number(field.value) || 0);
    const sum = kernel.reduce((total, value) => total + value, 0);
    // Where the weights add up to nothing, so does the result on plain areas: mid-grey then stands for 0.
    const balanced = Math.abs(sum) < 0.005;
    show(target, convolve(luminance(source.getImageData(0, 0, SIZE, SIZE)), SIZE, kernel), balanced ? 128 : 0);
    for (const button of presets.children) {
      const preset = KERNELS[button.textContent];
      if (preset) button.setAttribute("aria-pressed", preset.every((value, i) => value === kernel[i]));
    }
  };
  const choose = (kernel) => {
    numbers.forEach((field, i) => { field.value = kernel[i]; });
    update();
  };

  for (const name of Object.keys(KERNELS)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => choose(KERNELS[name]));
    presets.append(button);
  }
  const fresh = root.querySelector(".fresh");
  fresh.addEventListener("click", () => { drawScene(source); update(); });
  for (const field of numbers) field.addEventListener("input", update);

  let last = null;
  const place = (event) => {
    const box = input.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * SIZE, (event.clientY - box.top) / box.height * SIZE];
  };
  input.addEventListener("pointerdown", (event) => {
    input.setPointerCapture(event.pointerId);
    last = place(event);
  });
  input.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    source.strokeStyle = "rgb(20, 20, 20)";
    source.lineWidth = 3;
    source.lineCap = "round";
    source.beginPath();
    source.moveTo(...last);
    source.lineTo(...next);
    source.stroke();
    last = next;
    update();
  });
  for (const end of ["pointerup", "pointercancel"]) input.addEventListener(end, () => { last = null; });

  drawScene(source);
  choose(KERNELS.blur);
  root.hidden = false;
}

document.querySelectorAll(".nine-numbers").forEach(start);
