// One caption explained: choose a word, see where the evidence for it lies in the picture and in the words before it,
// by one method or by two beside each other.

async function explorer(model) {
  const data = model.get("data");
  const levels = await Promise.all(data.methods.map(inflate));
  const key = unique();
  const choose = chooser(model);
  const named = (name) => data.methods.findIndex((method) => method.name === name);
  let hovered = null;

  // The caption. Tokens stand in the order of the columns of `words`: <start>, then the caption's words.
  const caption = choices(`word-${key}`, "caption", "Caption. Choose a word to see why the model said it");
  const spoken = ["<start>", ...data.words, "<end>"];
  const tokens = spoken.map((text, column) => {
    const row = data.positions.indexOf(column - 1);
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

  // How an earlier word is tinted, and what is written beneath it.
  function scored(method, row) {
    const position = data.positions[row];
    const values = method.words?.[row].slice(0, position + 1) ?? [];
    const most = Math.max(1e-30, ...values.map(Math.abs));
    const write = writer(values);
    return values.map((value) => ({
      value,
      text: write(value),
      tint: value ? `rgba(${data.tints[+(value > 0)]}, ${(data.tint * Math.abs(value)) / most})` : "",
    }));
  }

  // One method's answer: map, scale, sentences, account. Chosen by the trait `by`.
  function answer(by, label) {
    const shown = stage({ ...data, src: data.pictures[0], alt: `The picture captioned “${data.words.join(" ")}”` });
    const methods = choices(`${by}-${key}`, "methods", label);
    for (const { name, label: text } of data.methods) {
      methods.offer(name, text, (value) => {
        // What the other side shows already changes places with it.
        const [own, other] = [model.get(by), by === "method" ? "compare" : "method"];
        if (model.get("compare") && model.get(other) === value) choose(other, own);
        choose(by, value);
      });
    }
    const before = make("p", "before");
    before.setAttribute("role", "group");
    before.setAttribute("aria-label", "Words before it");
    const status = make("p", "status");
    status.setAttribute("aria-live", "polite");
    const account = make("div", "account");
    const instead = make("div", "instead");
    const pick = make("div", "pick", null, methods);
    const panel = make("div", "panel", null, pick, before, status, account, instead);
    return {
      ...shown, pick, panel,
      side: make("section", "side", null, shown.node, panel),
      update(which, row, both) {
        const method = data.methods[which];
        shown.show(method, levels[which], row, model.get("opacity"));
        methods.mark(method.name);
        if (status.textContent !== method.alt[row]) status.textContent = method.alt[row];
        const scores = scored(method, row);
        before.replaceChildren(...(!both ? [] : scores.length ? scores.flatMap(({ text, tint }, column) => {
          const word = make("span", "token", null, make("span", "text", spoken[column]), make("span", "value", text));
          word.style.backgroundColor = tint;
          return [word, " "];
        }) : [make("span", "sum", `${method.label} gives earlier words no relevance.`)]));
        account.hidden = !method.budget;
        instead.hidden = Boolean(method.budget);
        if (method.budget) account.replaceChildren(...budget(method.logit[row], method.budget[row]));
        else instead.replaceChildren(...others(method, row));
      },
    };
  }

  // What a method without an account of the score has to tell: how it ranks the words, or what was attended to.
  function others(method, row) {
    const target = spoken[data.positions[row] + 1];
    const scores = scored(method, row).map(({ value }, column) => [spoken[column], value]);
    if (scores.length) {
      const first = scores.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 5);
      const told = scores.length > 5 ? "The five earlier words that count most" : "The earlier words, by how much they count";
      return [make("p", "sum", `${told} for “${target}” in ${method.label}:`), bars(first),
        make("p", "sum", `${method.label} has no account of the score: its numbers need not add up to it.`)];
    }
    const none = make("p", "sum", `${method.label} has no account of the score, and nothing to say of earlier words.`);
    if (method.name !== "attention" || data.beta[row] === null) return [none];
    const to = [["The picture", 1 - data.beta[row]], ["What was said", data.beta[row]]];
    return [make("p", "sum", `What the model attended to before “${target}”:`), bars(to, percent), none];
  }

  const first = answer("method", "Method");
  const second = answer("compare", "Compared method");
  const slider = sliding("Opacity of the map over the picture", 1, 0.05, (value) => choose("opacity", value));
  first.node.append(make("div", "blend", null, make("span", "", "Picture"), slider, make("span", "", "Map")));
  const compare = make("button", "switch", "Compare two");
  compare.type = "button";
  compare.addEventListener("click", () => {
    const other = data.methods.find(({ name }) => name !== model.get("method")).name;
    choose("compare", model.get("compare") ? "" : other);
  });
  if (data.methods.length > 1) first.pick.append(compare);
  const facts = make("p", "facts");
  first.panel.insertBefore(facts, first.panel.querySelector(".account"));
  const sides = make("div", "sides", null, first.side);
  const all = make("ul", "all"); // printed

  const root = card("explorer", data.size, data.title, "Explained caption", caption, legend, sides, all);

  function update() {
    const row = hovered ?? model.get("word");
    const which = named(model.get("method"));
    const method = data.methods[which];
    const other = named(model.get("compare"));
    const both = other >= 0;
    const position = data.positions[row];
    const target = spoken[position + 1];

    root.classList.toggle("both", both);
    if (both && !second.side.parentNode) sides.append(second.side);
    if (!both) second.side.remove();
    first.update(which, row, both);
    if (both) second.update(other, row, both);
    compare.setAttribute("aria-pressed", both);
    slider.mark(model.get("opacity"), percent(model.get("opacity")));

    const scores = both ? [] : scored(method, row);
    const own = writer([method.logit[row]])(method.logit[row], "");
    tokens.forEach((token, column) => {
      if (!token) return;
      const chosen = column - 1 === position;
      const score = scores[column];
      token.style.backgroundColor = score?.tint ?? "";
      token.lastChild.textContent = chosen ? own : score?.text ?? "";
      token.title = chosen ? `its score (logit): ${own}` : score ? `relevance for “${target}”: ${score.text}` : "";
      token.classList.toggle("later", column - 1 > position);
      token.classList.toggle("chosen", chosen);
    });
    caption.mark(model.get("word"));
    legend.textContent = both ? `Beneath “${target}”: its score. Each side colours the words before it by its own relevance.`
      : method.words ? `Beneath each earlier word: its relevance for “${target}”; beneath “${target}”: its score.`
      : `Beneath “${target}”: its score. ${method.label} gives earlier words no relevance.`;

    const said = [`The model gave “${target}” a probability of ${percent(data.chance[row])}.`];
    if (data.beta[row] !== null) said.push(`It attended to the picture with ${percent(1 - data.beta[row])}, to what it had said with β = ${percent(data.beta[row])}.`);
    facts.textContent = said.join(" ");
    const printed = both ? [method, data.methods[other]] : [method];
    all.replaceChildren(...printed.flatMap(({ alt }) => alt).map((text) => make("li", "", text)));
  }

  return [root, update];
}
explorer.traits = ["word", "method", "compare", "opacity"];

// Signed bars on one axis: [name, value].
function bars(terms, write = writer(terms.map(([, value]) => value))) {
  const values = terms.map(([, value]) => value);
  const low = Math.min(0, ...values), span = Math.max(0, ...values) - low || 1;
  const list = make("dl");
  for (const [text, value] of terms) {
    const mark = make("i");
    mark.style.left = `${(100 * (Math.min(0, value) - low)) / span}%`;
    mark.style.width = `${(100 * Math.abs(value)) / span}%`;
    list.append(make("dt", "", text), make("dd", value < 0 ? "less" : "more", null, make("span", "track", null, mark), make("span", "", write(value))));
  }
  return list;
}

// Where the logit went.
function budget(logit, terms) {
  const names = ["Picture", "Earlier words", "Biases", "Stabiliser", "Blocked"];
  const write = writer([...terms, logit]);
  // Terms of both signs may exceed the score they add up to: they are shares of it only between none and all.
  const [pixels, words] = terms;
  const [picture, rest] = [pixels, words].every((value) => value / logit >= 0 && value / logit <= 1)
    ? [`${percent(pixels / logit)} from the picture`, ` · ${percent(words / logit)} from earlier words`]
    : [`picture ${write(pixels)}`, `, earlier words ${write(words)} of a score of ${write(logit, "")}`];
  const seen = make("p", "seen", null, make("strong", "", picture), rest);
  const list = bars(terms.map((value, i) => [names[i], value]), write);
  const meant = "Biases: what the model says whatever it sees. Stabiliser: kept by ε, which keeps divisions from exploding. Blocked: stopped at convolution units that could not pass it on.";
  return [seen, list, make("p", "sum", `LRP accounts for every bit of the score: the terms add up to ${write(logit, "")}. ${meant}`)];
}
