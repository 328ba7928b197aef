// Runs a script in PHP 7.4, compiled to WebAssembly: node php_7_4.mjs PACKAGES SCRIPT RUNS FROM=TO …
//
// PACKAGES is a folder with node_modules. The files of each folder FROM are copied to TO, where PHP sees them. RUNS is a
// list of lists of arguments, as JSON: the script runs once for each, and a line of JSON says what it printed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [packages, script, runs, ...folders] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(packages, "node_modules", "@php-wasm", name, "index.js")));
const { loadPHPRuntime, PHP } = await load("universal");
const { getPHPLoaderModule } = await load("node-7-4");

const php = new PHP(await loadPHPRuntime(await getPHPLoaderModule(), {}));
for (const pair of folders) {
  const [from, to] = pair.split("=");
  copy(from, to);
}
// `post_message_to_js` in PHP makes an HTTP call and returns its answer: PHP itself has no network here.
php.onMessage(async (text) => {
  const { url, ...request } = JSON.parse(text);
  const answer = await fetch(url, request);
  return JSON.stringify({ status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() });
});
for (const words of JSON.parse(runs)) {
  php.writeFile("/arguments.json", JSON.stringify([script, ...words]));
  const code = `<?php $argv = json_decode(file_get_contents("/arguments.json")); require ${JSON.stringify(script)};`;
  console.log(JSON.stringify(await run(code)));
}
process.exit(0);

async function run(code) {
  try {
    const done = await php.run({ code });
    return { text: done.text, errors: done.errors, status: done.exitCode };
  } catch (error) {
    return { text: "", errors: String(error), status: 255 };
  }
}

function copy(from, to) {
  php.mkdirTree(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) copy(source, target);
    else php.writeFile(target, readFileSync(source));
  }
}
