// Takes from the style sheet of nhsuk-frontend the rules of the components that the report has:
//   node take.mjs node_modules/nhsuk-frontend/dist/nhsuk/nhsuk-frontend.min.css > nhsuk-frontend.css
// Left out: fonts and pictures, which would be fetched.
import { readFileSync } from "node:fs";

const COMPONENTS = [
  "body", "body-s", "caption-xl", "card", "contents-list", "details", "form-group", "heading-l", "heading-m", "heading-s",
  "heading-xl", "heading-xs", "inset-text", "input", "label", "list", "main-wrapper", "select", "skip-link", "summary-list",
  "table", "tag", "u-visually-hidden", "width-container",
];

const wanted = (selector) =>
  [...selector.matchAll(/\.nhsuk-([a-z0-9-]+?)(?=__|--|[^a-z0-9-]|$)/g)].every(([, name]) => COMPONENTS.includes(name)) &&
  !/\.(js|no-js|app)-|nhsuk-frontend-supported/.test(selector);

function rules(css) {
  const found = [];
  for (let at = 0; at < css.length; ) {
    const open = css.indexOf("{", at);
    if (open < 0) break;
    let depth = 1;
    let end = open + 1;
    for (; depth > 0; end++) {
      if (css[end] === "{") depth++;
      if (css[end] === "}") depth--;
    }
    found.push([css.slice(at, open).replace(/^@charset "UTF-8";/, "").trim(), css.slice(open + 1, end - 1)]);
    at = end;
  }
  return found;
}

function take(css) {
  return rules(css)
    .map(([prelude, body]) => {
      if (prelude === "@font-face" || prelude === ":root") return "";
      if (prelude.startsWith("@")) {
        const inner = take(body);
        return inner && `${prelude}{${inner.replaceAll("\n", "")}}`;
      }
      const selectors = prelude.split(/,(?![^(]*\))/).filter(wanted);
      const declarations = body.split(/;(?![^(]*\))/).filter((it) => it && !/url\(|^font-family:Frutiger/.test(it));
      return selectors.length && declarations.length ? `${selectors.join(",")}{${declarations.join(";")}}` : "";
    })
    .filter(Boolean)
    .join("\n");
}

/** Lines that an editor can show. */
const lines = (rules) => rules.split("\n").reduce((text, rule) => text + (text.length - text.lastIndexOf("\n") > 1500 ? "\n" : "") + rule);

const file = process.argv[2];
const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
process.stdout.write(`/* nhsuk-frontend 10.6.1, MIT License, see LICENCE beside this file; rules of some components */\n${lines(take(text))}\n`);
