// Scales of time and frequency.

export function clock(seconds, fine = false) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  const two = (value) => String(value).padStart(2, "0");
  const rest = fine ? (seconds - whole).toFixed(fine === true ? 1 : fine).slice(1) : "";
  return (hours ? `${hours}:${two(minutes % 60)}` : `${minutes}`) + `:${two(whole % 60)}${rest}`;
}

// Ticks of seconds below a picture, and of kilohertz beside it.
export function axes(pen, picture, { left, top }) {
  const { from, to, low, high } = picture.view, { width, height } = picture;
  const nice = (range, room) => {
    const least = range / Math.max(1, room), ten = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((step) => step * ten).find((step) => step >= least);
  };
  pen.textAlign = "center";
  pen.textBaseline = "top";
  const times = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
  const step = times.find((one) => one >= (to - from) / (width / 80)) ?? 600;
  for (let k = Math.ceil(from / step); k * step <= to; k++) {
    const x = picture.x(k * step);
    pen.fillRect(x, top + height, 1, 4);
    if (x > left + 12 && x < left + width - 14)
      pen.fillText(clock(k * step + 1e-6, step < 0.1 ? 2 : step < 1), x, top + height + 7);
  }
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const tick = nice(high - low, height / 40);
  for (let k = Math.ceil(low / tick); k * tick <= high; k++) {
    const y = picture.y(k * tick);
    pen.fillRect(left - 4, y, 4, 1);
    if (y > top + 16 && y < top + height - 4) pen.fillText(`${+((k * tick) / 1000).toFixed(2)}`, left - 7, y);
  }
  pen.textBaseline = "top";
  pen.fillText("kHz", left - 7, top);
}
