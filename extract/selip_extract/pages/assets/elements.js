"use strict";

// What all pages have: their data, two languages, elements

const GENERAL = "general";
const data = JSON.parse(document.getElementById("data").textContent);
const english = data.english;
for (const site of data.sites) english[site.name] = site.english;
// What a person chooses on a page that was asked for in a language is kept for that page alone.
const LANGUAGE = ["selip/language", ...(data.language ? [data.language, location.pathname] : [])].join(" ");
let language = kept(LANGUAGE) ?? data.language ?? (navigator.language.startsWith("zh") ? "zh" : "en");

/** What the browser has kept; some browsers keep nothing for a page that is a file. */
function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** The keys below a prefix and what is kept under each. */
function keptBelow(prefix) {
  try {
    return Object.entries(localStorage).filter(([key]) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

/** Keep a text, or with null forget it; false where the browser does not. */
function keepAs(key, text) {
  try {
    if (text === null) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

/** The words under a label, with the value, or each of the values, where they have {}. */
function say(label, values = []) {
  let words = data.words[language][label];
  for (const value of [values].flat()) words = words.replace("{}", () => value);
  return words;
}

function inEnglish(value) {
  return language === "en" ? english[value] : undefined;
}

/** A value of the vocabulary with its English name where the page is English. */
function named(value) {
  return [value, inEnglish(value)].filter(Boolean).join(" ");
}

function sequenceName(sequence) {
  return sequence === GENERAL ? say("general") : sequence;
}

/** Put the words of the language into all elements that name theirs. */
function sayLabels() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-label]")) element.textContent = say(element.dataset.label);
  for (const element of document.querySelectorAll("[data-placeholder]")) {
    element.placeholder = say(element.dataset.placeholder);
  }
  for (const element of document.querySelectorAll("[data-title]")) {
    element.title = say(element.dataset.title);
    element.ariaLabel = element.title;
  }
}

/** What the page is about: the database, its reports and the run. */
function sourceLine(note = "") {
  if (!data.run) return data.database;
  const run = `${say("run", data.run.id)} · ${data.run.extractor}`;
  return `${data.database} · ${data.total.toLocaleString()} ${say("reports")}${note} · ${run}`;
}

/** `speak` anew in the other language whenever the button for it is pressed. */
function speakBoth(speak) {
  byId("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    keepAs(LANGUAGE, language);
    speak();
  });
}

function byId(id) {
  return document.getElementById(id);
}

/** An element; `text` of a report can be anything, so that it never becomes markup. */
function make(tag, { text, data: values, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, values);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}
