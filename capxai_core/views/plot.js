// A small chart: lines and points on two axes, in the colours of the page.

const SVG = make("div");
SVG.innerHTML = "<svg></svg>";
const { namespaceURI } = SVG.firstChild;

function shape(tag, attributes, ...children) {
  const node = document.createElementNS(namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// x, y: the ends of the axes; across, up: what they show.
function plot({ x, y, across, up, ticks = 5 }) {
  const [width, height, left, bottom, top, right] = [420, 230, 40, 38, 10, 14];
  const at = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - right);
  const high = (value) => height - bottom - ((value - y[0]) / (y[1] - y[0])) * (height - bottom - top);
  const axes = shape("g", { class: "axes" }), drawn = shape("g", {});
  const between = ([low, end], k) => low + ((end - low) * k) / ticks;
  const round = (value) => String(Number(value.toFixed(2)));
  for (let k = 0; k <= ticks; k++) {
    const [v, u] = [between(x, k), between(y, k)];
    axes.append(
      shape("line", { x1: left, x2: width - right, y1: high(u), y2: high(u) }),
      shape("text", { x: left - 6, y: high(u) + 4, "text-anchor": "end" }, round(u)),
      shape("text", { x: at(v), y: height - bottom + 16, "text-anchor": "middle" }, round(v)),
    );
  }
  axes.append(
    shape("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, across),
    shape("text", { transform: `translate(11 ${(height - bottom + top) / 2}) rotate(-90)`, "text-anchor": "middle" }, up),
  );
  const node = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot" }, axes, drawn);
  const path = (points) => points.map(([v, u]) => `${at(v).toFixed(1)},${high(u).toFixed(1)}`).join(" ");
  return {
    node,
    clear: () => drawn.replaceChildren(),
    line: (points, ink, dash, thick) => drawn.append(shape("polyline", { points: path(points), fill: "none", stroke: ink, "stroke-width": thick, "stroke-dasharray": dash })),
    band: (points, ink) => drawn.append(shape("polygon", { points: path(points), fill: ink, opacity: 0.15 })),
    dot(v, u, ink, size, title, chosen) {
      const mark = shape("circle", { cx: at(v), cy: high(u), r: size, fill: ink, class: "dot" });
      if (title) mark.append(shape("title", {}, title));
      if (chosen) mark.addEventListener("click", chosen);
      drawn.append(mark);
      return mark;
    },
  };
}

// What the lines are: [text, colour, dashes].
function legend(entries) {
  return make("ul", "keys", null, ...entries.map(([text, ink, dash]) => {
    const line = shape("svg", { viewBox: "0 0 28 8", "aria-hidden": "true" }, shape("line", { x1: 1, x2: 27, y1: 4, y2: 4, stroke: ink, "stroke-width": 3, "stroke-dasharray": dash }));
    return make("li", "", null, line, text);
  }));
}
