// What the views share: numbers, elements, maps, a stand-in for a model where no kernel runs.

// Numbers that stand together share their decimals: hundredths, or two digits of the largest below 0.1.
function writer(values) {
  const most = Math.max(...values.map(Math.abs));
  const size = most ? Math.floor(Math.log10(most)) : 0;
  const digits = (v) => (size < -4 ? v.toExponential(1) : v.toFixed(Math.max(2, 1 - size)));
  return (v, plus = "+") => (v < 0 ? "−" : plus) + digits(Math.abs(v)).replace("-", "−");
}
const percent = (v) => `${Math.round(100 * v)}\u202f%`.replace("-", "−");

function make(tag, className, text, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text != null) node.textContent = text;
  node.append(...children);
  return node;
}

const unique = () => Math.random().toString(36).slice(2);

// 8-bit maps of all words, inflated: rows of differences become rows of values in -127 … 127.
async function inflate({ maps, width }) {
  const packed = Uint8Array.from(atob(maps), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const levels = new Int8Array(await new Response(stream).arrayBuffer());
  for (let i = 0; i < levels.length; i++) if (i % width) levels[i] += levels[i - 1];
  return levels;
}

function colour(stops, x) {
  const k = Math.max(1, stops.findIndex(([at]) => at >= x));
  const [[x0, a], [x1, b]] = [stops[k - 1], stops[k]];
  return a.map((c, i) => c + ((b[i] - c) * (x - x0)) / (x1 - x0));
}

// One map of `levels`; with a threshold only the positive evidence above that share of its maximum.
function paint(canvas, { width, height }, levels, row, stops, threshold) {
  const table = Array.from({ length: 255 }, (_, k) => colour(stops, Math.max(stops[0][0], (k - 127) / 127)));
  const pixels = new ImageData(width, height);
  const own = levels.subarray(row * width * height, (row + 1) * width * height);
  const least = threshold == null ? -128 : threshold * own.reduce((a, b) => Math.max(a, b), 0);
  for (let i = 0; i < width * height; i++) {
    const level = own[i];
    if (level <= least) continue;
    const [r, g, b, a] = table[level + 127];
    pixels.data.set([r, g, b, 255 * a], 4 * i);
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

// In many steps: between two colours of different opacity a page mixes them otherwise than `colour`.
const gradient = (stops) => {
  const [low, high] = [stops[0][0], stops.at(-1)[0]];
  const steps = Array.from({ length: 65 }, (_, k) => `rgba(${colour(stops, low + (k / 64) * (high - low))})`);
  return `linear-gradient(to right, ${steps})`;
};

// A picture, a map over it, and the map's scale.
function stage({ src, alt, aspect, fade, stops }) {
  const picture = make("img");
  Object.assign(picture, { src, alt });
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  const frame = make("div", "frame", null, picture, canvas);
  frame.style.aspectRatio = aspect;
  const bar = make("div", "bar", null, make("i"));
  const ticks = make("div", "ticks");
  const unit = make("p", "unit");
  return {
    node: make("div", "stage", null, frame, bar, ticks, unit),
    frame,
    show(method, levels, row, opacity, threshold = null) {
      const scale = stops[method.signed ? "signed" : "unsigned"];
      paint(canvas, method, levels, row, scale, threshold);
      canvas.setAttribute("aria-label", method.alt[row]);
      canvas.style.opacity = opacity;
      picture.style.setProperty("filter", `grayscale(${opacity})`, "important"); // themes dim pictures
      picture.style.opacity = 1 - fade * opacity;
      bar.firstChild.style.background = gradient(scale);
      const peak = method.peak[row];
      const write = writer([peak]);
      const numbers = method.signed ? [write(-peak), "0", write(peak)] : ["0", write(peak, "")];
      ticks.replaceChildren(...numbers.map((text) => make("span", "", text)));
      unit.textContent = (method.signed ? `against · for the word${method.fine ? ", per pixel" : ""}` : "weight (has no sign)")
        + (method.block > 1 ? `, mean of ${method.block} × ${method.block} pixels` : "");
    },
  };
}

// A group of native radio buttons: arrow keys, focus and state come with them.
function choices(name, className, label) {
  const group = make("div", className);
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", label);
  group.offer = (value, text, choose) => {
    const input = make("input");
    Object.assign(input, { type: "radio", name, value });
    input.addEventListener("change", () => choose(value));
    const option = make("label", "option", null, input, make("span", "text", text));
    group.append(option);
    return option;
  };
  group.mark = (value) => {
    for (const input of group.querySelectorAll("input")) input.checked = input.value === String(value);
  };
  return group;
}

// A native slider with its label; `mark` puts it somewhere, and says what that means.
function sliding(label, max, step, choose) {
  const slider = make("input");
  Object.assign(slider, { type: "range", min: 0, max, step });
  slider.setAttribute("aria-label", label);
  slider.addEventListener("input", () => choose(Number(slider.value)));
  slider.mark = (value, text) => { slider.value = value; slider.setAttribute("aria-valuetext", text); };
  return slider;
}

// The frame of a view, and its title where it has one: the label else.
function card(className, size, title, label, ...children) {
  const node = make("div", `${className} card`, null, ...(title ? [make("p", "title", title)] : []), ...children);
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", title ?? label);
  node.style.setProperty("--size", `${size}px`);
  return node;
}

// A native menu with its label: `values` are pairs of a value and how it is written.
function menu(label, values, choose) {
  const select = make("select", "", null, ...values.map(([value, text]) => new Option(text, value)));
  select.addEventListener("change", () => choose(select.value));
  select.setAttribute("aria-label", label);
  const node = make("label", "menu", label, select);
  node.mark = (value) => { select.value = value; };
  return node;
}

// What stands in for a kernel's model: state, and who wants to hear of its changes.
function stand(state) {
  const heard = {};
  return {
    get: (trait) => state[trait],
    set: (trait, value) => { state[trait] = value; (heard[`change:${trait}`] ?? []).forEach((listen) => listen()); },
    save_changes: () => {},
    on: (event, listen) => { (heard[event] ??= []).push(listen); },
  };
}

// How anywidget wants a view: `draw` makes it and what follows a change of one of its `traits`.
const live = (draw) => async ({ model, el }) => {
  el.classList.add("capxai");
  let update = () => {}, latest = 0, drawn;
  const start = async () => {
    const mine = ++latest;
    drawn = model.get("data");
    update = () => {}; // what is shown no longer belongs to the data
    const [root, follow] = await draw(model);
    if (mine !== latest) return; // the data changed again meanwhile
    el.replaceChildren(root);
    update = follow;
    update();
  };
  for (const trait of draw.traits) model.on(`change:${trait}`, () => model.get("data") === drawn && update());
  model.on("change:data", start);
  await start();
};

// The choice of a reader: seen at once, and told to Python.
const chooser = (model) => (trait, value) => {
  model.set(trait, value);
  model.save_changes();
};

function still(draw, key) {
  const el = document.querySelector(`[data-capxai="${key}"]`);
  el.removeAttribute("data-capxai"); // the same view may stand twice on a page
  const state = JSON.parse(document.getElementById(`capxai-${key}`).textContent);
  state.data.pictures = Array.from(el.querySelectorAll("img"), (image) => image.src);
  live(draw)({ el, model: stand(state) });
}
