// node check.mjs PAGE [FOLDER]: looks at a report with axe, wide and narrow, light and dark, everything unfolded, and
// prints what is wrong as JSON. With FOLDER, pictures of what it saw lie there.
import { createRequire } from "node:module";
import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find((it) => it && existsSync(it));
const browser = await chromium.launch({
  executablePath,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const wrong = [];

async function look(width, colorScheme) {
  // The page forbids scripts from elsewhere, axe too.
  const tab = await browser.newPage({ viewport: { width, height: 1000 }, colorScheme, bypassCSP: true });
  const seen = { width, colorScheme };
  const fetched = [];
  tab.on("request", (request) => fetched.push(request.url()));
  tab.on("console", (message) => message.type() === "error" && wrong.push({ ...seen, rule: "console", what: message.text() }));
  tab.on("pageerror", (error) => wrong.push({ ...seen, rule: "script", what: String(error) }));
  await tab.goto(pathToFileURL(page).href);
  if (folder) await tab.screenshot({ path: join(folder, `${width}-${colorScheme}.png`) });
  if (fetched.length !== 1) wrong.push({ ...seen, rule: "fetches", what: fetched });
  await tab.evaluate(() => document.querySelectorAll("details").forEach((it) => (it.open = true)));
  const over = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) wrong.push({ ...seen, rule: "reflow", what: `${over} pixels too wide` });
  await tab.evaluate(axe);
  const { violations } = await tab.evaluate((values) => axe.run(document, { runOnly: { type: "tag", values } }), RULES);
  for (const { id, help, nodes } of violations) {
    wrong.push({ ...seen, rule: id, what: help, where: nodes.slice(0, 3).map((it) => it.target.join(" ")), all: nodes.length });
  }
  await tab.close();
}

// Without scripts the page is whole, only its filters are not there.
async function lookWithoutScripts() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const tab = await context.newPage();
  await tab.goto(pathToFileURL(page).href);
  if (await tab.locator("#filters").isVisible()) wrong.push({ rule: "filters", what: "are seen where they do nothing" });
  if (!(await tab.locator("#all tbody tr").first().isVisible())) wrong.push({ rule: "scenarios", what: "are not seen" });
  await context.close();
}

for (const width of [1280, 320]) for (const colorScheme of ["light", "dark"]) await look(width, colorScheme);
await lookWithoutScripts();
if (folder) {
  const tab = await browser.newPage();
  await tab.goto(pathToFileURL(page).href);
  await tab.pdf({ path: join(folder, "print.pdf"), format: "A4" });
}
await browser.close();
console.log(JSON.stringify(wrong, null, 1));
process.exit(wrong.length > 0 ? 1 : 0);
