// usage: verify-kubernetes.js FILE...     in a folder with node_modules of kubernetes-models, kubernetes-types, typescript, yaml
//
// Checks manifests twice, as no API server is there to do it: against the OpenAPI schemas (what is missing, what is of another
// type), and as literals in TypeScript (keys that there are not). Ends with 1 when anything is wrong.
'use strict';
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { spawnSync } = require('child_process');
const load = createRequire(path.join(process.cwd(), 'here.js'));
const yaml = load('yaml');

let wrong = 0;
let source = '';
const documents = [];
for (const file of process.argv.slice(2))
  for (const document of yaml.parseAllDocuments(fs.readFileSync(file, 'utf8'), { uniqueKeys: true })) {
    if (document.errors.length) {
      console.log(`${file}: ${document.errors.map(e => e.message)}`);
      wrong++;
    } else if (document.toJS()) {
      documents.push({ file, object: document.toJS() });
    }
  }

documents.forEach(({ file, object }, i) => {
  const name = `${file}: ${object.kind} ${object.metadata && object.metadata.name}`;
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  try {
    const Model = load(path.join('kubernetes-models', group, version, object.kind))[object.kind];
    new Model(object).validate();
  } catch (e) {
    console.log(`${name}: ${e.message || e}`);
    wrong++;
  }
  const folder = `kubernetes-types/${group.replace(/\.k8s\.io$/, '') || 'core'}/${version}`;
  source += `import {${object.kind} as Kind${i}} from "${folder}";\n// ${name}\n`;
  source += `export const document${i}: Kind${i} = ${JSON.stringify(object, null, 1)};\n`;
});

fs.writeFileSync('manifests.ts', source);
const tsc = spawnSync(process.execPath, [load.resolve('typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck',
  '--moduleResolution', 'node', 'manifests.ts'], { encoding: 'utf8' });
if (tsc.status !== 0) {
  console.log(tsc.stdout);
  wrong++;
}
console.log(`${documents.length} documents, ${wrong} wrong`);
process.exit(wrong || !documents.length ? 1 : 0);
