// One caption explained: choose a word, see where the evidence for it lies in the picture and in the words before it.
// `render` draws the view for an anywidget model; `still` gives it a stand-in for one, where no kernel runs.

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

function paint(canvas, method, levels, row, stops) {
  const { width, height } = method;
  const table = Array.from({ length: 255 }, (_, k) => colour(stops, Math.max(stops[0][0], (k - 127) / 127)));
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b, a] = table[levels[row * width * height + i] + 127];
    pixels.data.set([r, g, b, 255 * a], 4 * i);
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

const gradient = (stops) => {
  const [low, high] = [stops[0][0], stops.at(-1)[0]];
  return `linear-gradient(to right, ${stops.map(([x, c]) => `rgba(${c}) ${(100 * (x - low)) / (high - low)}%`)})`;
};

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
  return group;
}

async function draw(model, el) {
  const data = model.get("data");
  const levels = await Promise.all(data.methods.map(inflate));
  const unique = Math.random().toString(36).slice(2);
  const choose = (trait, value) => {
    model.set(trait, value);
    model.save_changes();
  };
  let hovered = null;

  // The caption. Tokens stand in the order of the columns of `words`: <start>, then the caption's words.
  const caption = choices(`word-${unique}`, "caption", "Caption. Choose a word to see why the model said it");
  const rowOf = (position) => data.positions.indexOf(position);
  const tokens = ["<start>", ...data.words, "<end>"].map((text, column) => {
    const row = rowOf(column - 1);
    if (column > data.words.length && row < 0) return null;
    const token = row < 0 ? make("span", "", null, make("span", "text", text))
      : caption.offer(row, text, (value) => { hovered = null; choose("word", value); });
    token.classList.add("token");
    token.append(make("span", "value"));
    if (row >= 0) token.dataset.row = row;
    caption.append(token, " ");
    return token;
  });
  caption.addEventListener("pointermove", (event) => {
    const row = event.pointerType === "mouse" && event.target.closest("[data-row]")?.dataset.row;
    if (row && +row !== hovered) { hovered = +row; update(); }
  });
  caption.addEventListener("pointerleave", () => { hovered = null; update(); });
  const legend = make("p", "legend");

  // The picture, the map over it, the scale.
  const picture = make("img");
  Object.assign(picture, { src: data.picture, alt: `The picture captioned “${data.words.join(" ")}”` });
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  const frame = make("div", "frame", null, picture, canvas);
  frame.style.aspectRatio = data.aspect;
  const bar = make("div", "bar", null, make("i"));
  const ticks = make("div", "ticks");
  const unit = make("p", "unit");
  const slider = make("input");
  Object.assign(slider, { type: "range", min: 0, max: 1, step: 0.05 });
  slider.setAttribute("aria-label", "Opacity of the map over the picture");
  slider.addEventListener("input", () => choose("opacity", Number(slider.value)));
  const blend = make("div", "blend", null, make("span", "", "Picture"), slider, make("span", "", "Map"));
  const stage = make("div", "stage", null, frame, bar, ticks, unit, blend);

  // Method, state in words, account.
  const methods = choices(`method-${unique}`, "methods", "Method");
  const buttons = data.methods.map(({ name, label }) => methods.offer(name, label, (value) => choose("method", value)));
  const status = make("p", "status");
  status.setAttribute("aria-live", "polite");
  const facts = make("p", "facts");
  const account = make("div", "account");
  const panel = make("div", "panel", null, methods, status, facts, account);
  const all = make("ul", "all"); // printed

  const root = make("div", "explorer", null, caption, legend, make("div", "parts", null, stage, panel), all);
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", data.title ?? "Explained caption");
  root.style.setProperty("--size", `${data.size}px`);
  if (data.title) root.prepend(make("p", "title", data.title));

  function update() {
    const row = hovered ?? model.get("word");
    const which = data.methods.findIndex(({ name }) => name === model.get("method"));
    const method = data.methods[which];
    const position = data.positions[row];
    const target = [...data.words, "<end>"][position];
    const opacity = model.get("opacity");

    const stops = data.stops[method.signed ? "signed" : "unsigned"];
    paint(canvas, method, levels[which], row, stops);
    canvas.setAttribute("aria-label", method.alt[row]);
    canvas.style.opacity = opacity;
    picture.style.setProperty("filter", `grayscale(${opacity})`, "important"); // themes dim pictures
    picture.style.opacity = 1 - data.fade * opacity;
    slider.value = opacity;
    slider.setAttribute("aria-valuetext", percent(opacity));
    bar.firstChild.style.background = gradient(stops);
    const peak = method.peak[row];
    const write = writer([peak]);
    const numbers = method.signed ? [write(-peak), "0", write(peak)] : ["0", write(peak, "")];
    ticks.replaceChildren(...numbers.map((text) => make("span", "", text)));
    unit.textContent = (method.signed ? "against · for the word, per pixel" : "weight (has no sign)")
      + (method.block > 1 ? `, mean of ${method.block} × ${method.block} pixels` : "");

    const scores = method.words?.[row].slice(0, position + 1) ?? [];
    const most = Math.max(1e-30, ...scores.map(Math.abs));
    const score = writer(scores);
    tokens.forEach((token, column) => {
      if (!token) return;
      const value = scores[column];
      const share = Math.abs(value ?? 0) / most;
      const chosen = column - 1 === position;
      const own = writer([method.logit[row]])(method.logit[row], "");
      token.style.backgroundColor = share ? `rgba(${data.tints[+(value > 0)]}, ${data.tint * share})` : "";
      token.lastChild.textContent = chosen ? own : value === undefined ? "" : score(value);
      token.title = chosen ? `its score (logit): ${own}` : value === undefined ? "" : `relevance for “${target}”: ${score(value)}`;
      token.classList.toggle("later", column - 1 > position);
      token.classList.toggle("chosen", chosen);
      const input = token.querySelector("input");
      if (input) input.checked = +input.value === model.get("word");
    });
    legend.textContent = method.words
      ? `Beneath each earlier word: its relevance for “${target}”; beneath “${target}”: its score.`
      : `Beneath “${target}”: its score. ${method.label} gives earlier words no relevance.`;

    buttons.forEach((button) => { button.querySelector("input").checked = button.querySelector("input").value === method.name; });
    if (status.textContent !== method.alt[row]) status.textContent = method.alt[row];
    const said = [`The model gave “${target}” a probability of ${percent(data.chance[row])}.`];
    if (data.beta[row] !== null) said.push(`It attended to the picture with ${percent(1 - data.beta[row])}, to what it had said with β = ${percent(data.beta[row])}.`);
    facts.textContent = said.join(" ");
    if (method.budget) account.replaceChildren(...budget(method.logit[row], method.budget[row]));
    account.style.visibility = method.budget ? "" : "hidden"; // keeps its place: the page must not jump
    all.replaceChildren(...method.alt.map((text) => make("li", "", text)));
  }

  el.replaceChildren(root);
  update();
  return update;
}

// Where the logit went: a signed bar for each term, on one axis.
function budget(logit, terms) {
  const names = [
    ["Picture", "relevance that reached the pixels"],
    ["Earlier words", "relevance that reached them"],
    ["Biases", "what the model says whatever it sees"],
    ["Stabiliser", "kept by ε, which keeps divisions from exploding"],
    ["Blocked", "stopped at convolution units that could not pass it on"],
  ];
  const low = Math.min(0, ...terms), span = Math.max(0, ...terms) - low || 1;
  const write = writer([...terms, logit]);
  const list = make("dl");
  terms.forEach((value, i) => {
    const mark = make("i");
    mark.style.left = `${(100 * (Math.min(0, value) - low)) / span}%`;
    mark.style.width = `${(100 * Math.abs(value)) / span}%`;
    const name = make("dt", "", names[i][0]);
    name.title = names[i][1];
    list.append(name, make("dd", value < 0 ? "less" : "more", null, make("span", "track", null, mark), make("span", "", write(value))));
  });
  // Terms of both signs may exceed the score they add up to: they are shares of it only between none and all.
  const [pixels, words] = terms;
  const [picture, rest] = [pixels, words].every((value) => value / logit >= 0 && value / logit <= 1)
    ? [`${percent(pixels / logit)} from the picture`, ` · ${percent(words / logit)} from earlier words`]
    : [`picture ${write(pixels)}`, `, earlier words ${write(words)} of a score of ${write(logit, "")}`];
  const seen = make("p", "seen", null, make("strong", "", picture), rest);
  return [seen, list, make("p", "sum", `LRP accounts for every bit of the score: the terms add up to ${write(logit, "")}.`)];
}

async function render({ model, el }) {
  el.classList.add("capxai");
  let update = await draw(model, el);
  for (const trait of ["word", "method", "opacity"]) model.on(`change:${trait}`, () => update());
  model.on("change:data", async () => { update = await draw(model, el); });
}

function still(key) {
  const el = document.querySelector(`[data-capxai="${key}"]`);
  el.removeAttribute("data-capxai"); // the same view may stand twice on a page
  const state = JSON.parse(document.getElementById(`capxai-${key}`).textContent);
  state.data.picture = el.querySelector("img").src;
  const heard = {};
  render({ el, model: {
    get: (trait) => state[trait],
    set: (trait, value) => { state[trait] = value; heard[`change:${trait}`]?.(); },
    save_changes: () => {},
    on: (event, listener) => { heard[event] = listener; },
  } });
}

export default { render };
