// Validates the objects of the Prometheus operator among those on standard input, a JSON list.
const { readFileSync } = require("node:fs");
const { pathToFileURL } = require("node:url");
const path = require("node:path");

const GROUP = "monitoring.coreos.com/v1";

async function main() {
  const root = path.resolve(".run/npm/node_modules/@kubernetes-models/prometheus-operator", GROUP);
  let count = 0;
  for (const object of JSON.parse(readFileSync(0))) {
    if (object.apiVersion !== GROUP) continue;
    const models = await import(pathToFileURL(path.join(root, `${object.kind}.js`)));
    new models[object.kind](object).validate();
    count += 1;
  }
  if (count === 0) throw new Error("no objects of the Prometheus operator");
  console.log(`chart: ${count} objects of the Prometheus operator are valid`);
}

main().catch((error) => {
  console.error(`chart: ${error.message}`);
  process.exit(1);
});
