"use strict";

// The slider: shows one of the pictures, and says which.
for (const player of document.querySelectorAll(".player")) {
  const frames = [...player.querySelectorAll("img")];
  const slider = player.querySelector("input");
  const show = (index) => {
    frames.forEach((frame, i) => { frame.hidden = i !== index; });
    const { step, caption } = frames[index].dataset;
    player.querySelector("output").textContent = step;
    player.querySelector(".caption span").textContent = caption;
    if (slider) slider.setAttribute("aria-valuetext", `${step}, ${caption}`);
  };
  if (slider) slider.addEventListener("input", () => show(Number(slider.value)));
  // A browser may keep the slider's place over a reload.
  show(slider ? Number(slider.value) : 0);
}

// Charts: the legend shows the values under the pointer. Positions as in charts.py.
const [LEFT, RIGHT, TOP, BOTTOM] = [42, 350, 10, 150];
for (const chart of document.querySelectorAll("[data-chart]")) {
  const { x: [x0, x1], y: [y0, y1], log, points } = JSON.parse(chart.dataset.chart);
  const svg = chart.querySelector(":scope > svg");
  const at = chart.querySelector(".at");
  const outputs = [...chart.querySelectorAll("output")];
  const dots = [...chart.querySelectorAll(".here")];
  const last = outputs.map((output) => output.textContent);
  const scale = log ? Math.log : Number;
  const place = ([x, y]) => {
    const px = LEFT + (x - x0) / (x1 - x0) * (RIGHT - LEFT);
    const share = (scale(y) - scale(y0)) / (scale(y1) - scale(y0));
    const py = BOTTOM - Math.min(Math.max(share, 0), 1) * (BOTTOM - TOP);
    return `M${px.toFixed(1)} ${py.toFixed(1)}h0`;
  };
  const digits = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
  const nearest = (line, x) =>
    line.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const px = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const pointer = x0 + (px - LEFT) / (RIGHT - LEFT) * (x1 - x0);
    const x = nearest(points.flat(), pointer)[0];
    at.textContent = `${x.toLocaleString("en")} images`;
    points.forEach((line, i) => {
      const point = nearest(line, x);
      outputs[i].textContent = digits(point[1]) + (point[2] ? ` ± ${digits(point[2])}` : "");
      dots[i].setAttribute("d", place(point));
    });
  });
  const leave = () => {
    at.textContent = "";
    outputs.forEach((output, i) => { output.textContent = last[i]; });
    dots.forEach((dot) => dot.setAttribute("d", ""));
  };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointercancel", leave);
}
