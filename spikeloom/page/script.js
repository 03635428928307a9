"use strict";
(() => {
  document.documentElement.classList.add("js");
  const samples = [...document.querySelectorAll(".sample")];
  const buttons = [...document.querySelectorAll("button[data-sample]")];
  const slider = document.getElementById("step");
  const stories = samples.map((sample) => JSON.parse(sample.dataset.story));

  function show(chosen, step) {
    samples.forEach((sample, k) => { sample.hidden = k !== chosen; });
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === chosen)));
    slider.value = String(step);
    samples[chosen].querySelector(".story").textContent = stories[chosen][step];
    for (const band of samples[chosen].querySelectorAll(".scrub")) {
      band.setAttribute("transform", `translate(${(band.dataset.width * step).toFixed(2)} 0)`);
    }
  }

  function within(text, most) {
    const value = Number.parseInt(text ?? "", 10);
    return Number.isNaN(value) ? null : Math.min(Math.max(value, 0), most);
  }

  if (samples.length) {
    const last = Number(slider.max);
    const wanted = new URLSearchParams(location.hash.slice(1));
    let chosen = within(wanted.get("sample"), samples.length - 1) ?? 0;
    show(chosen, within(wanted.get("step"), last) ?? last);
    slider.addEventListener("input", () => show(chosen, Number(slider.value)));
    buttons.forEach((button, k) => button.addEventListener("click", () => {
      chosen = k;
      show(chosen, Number(slider.value));
    }));
    addEventListener("beforeprint", () => samples.forEach((sample) => { sample.hidden = false; }));
    addEventListener("afterprint", () => show(chosen, Number(slider.value)));
  }

  const tip = document.getElementById("tip");
  const told = new Map();
  for (const mark of document.querySelectorAll(".tip")) {
    const title = mark.querySelector("title");
    told.set(mark, title.textContent);
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }

  function tell(mark) {
    tip.textContent = told.get(mark);
    tip.hidden = false;
    const there = mark.getBoundingClientRect();
    const left = there.left + there.width / 2 - tip.offsetWidth / 2;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const above = there.top - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(8, Math.min(left, room)) + scrollX}px`;
    tip.style.top = `${(above > 4 ? above : there.bottom + 8) + scrollY}px`;
  }

  function listen(event, act) {
    document.addEventListener(event, (e) => {
      const mark = e.target instanceof Element ? e.target.closest(".tip") : null;
      if (mark) act(mark);
    });
  }

  listen("pointerover", tell);
  listen("focusin", tell);
  listen("pointerout", () => { tip.hidden = true; });
  listen("focusout", () => { tip.hidden = true; });
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") tip.hidden = true; });
})();
