// The arithmetic of the convolution explorer: pure functions, no page needed.
// course_utils.arithmetic computes the same; both are tested against tests/cases/conv_output_size.json.

// Cells that a kernel covers from its first tap to its last, with the gaps that dilation leaves.
export function kernelSpan(kernel, dilation) {
  return dilation * (kernel - 1) + 1;
}

// Number of positions of a kernel along one axis; null where it does not fit on the padded input.
export function convOutputSize(size, kernel, stride = 1, padding = 0, dilation = 1) {
  const steps = size + 2 * padding - kernelSpan(kernel, dilation);
  return steps < 0 ? null : Math.floor(steps / stride) + 1;
}

// Everything that a drawing needs to know about one axis. Indices count cells of the padded input.
export function axis({ size, kernel, stride, padding, dilation }) {
  const span = kernelSpan(kernel, dilation);
  const room = size + 2 * padding;
  const output = convOutputSize(size, kernel, stride, padding, dilation);
  const taps = Array.from({ length: kernel }, (_, tap) => tap * dilation);
  const read = new Array(room).fill(false); // whether a tap ever lies on the cell
  for (let position = 0; position < (output ?? 0); position++) {
    for (const tap of taps) read[position * stride + tap] = true;
  }
  const leftover = output === null ? 0 : (room - span) % stride; // cells at the end that floor drops
  return {
    span, room, output, taps, read, leftover,
    isPadding: (cell) => cell < padding || cell >= padding + size,
    leftoverPixels: Math.max(0, leftover - padding), // those of them that are image, not padding
  };
}
