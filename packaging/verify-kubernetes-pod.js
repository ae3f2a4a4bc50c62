// usage: verify-kubernetes-pod.js FILE NAME=IMAGE...     in a folder with node_modules of yaml
//
// Prints the pod of the one workload in FILE, and its ConfigMaps, for `podman play kube`: as they are, but for
// - images: those that are there, and none is looked for elsewhere
// - ports, which podman would publish
// - a sidecar (an initContainer with restartPolicy: Always), which podman 4.3 would wait for to end: a container like others
// - a preStop that sleeps, of which podman 4.3 knows nothing.
'use strict';
const fs = require('fs');
const path = require('path');
const yaml = require('module').createRequire(path.join(process.cwd(), 'here.js'))('yaml');

const [file, ...pairs] = process.argv.slice(2);
const images = Object.fromEntries(pairs.map(pair => pair.split('=')));
const documents = yaml.parseAllDocuments(fs.readFileSync(file, 'utf8')).map(d => d.toJS());
const workload = documents.find(d => ['DaemonSet', 'Deployment', 'StatefulSet'].includes(d.kind));
const { metadata, spec } = workload.spec.template;
const sidecars = (spec.initContainers || []).filter(c => c.restartPolicy === 'Always');

spec.containers = [...sidecars, ...spec.containers];
delete spec.initContainers;
for (const container of spec.containers) {
  container.image = images[container.name];
  container.imagePullPolicy = 'Never';
  delete container.ports;
  delete container.restartPolicy;
  delete container.lifecycle;
  if (container.name !== 'dotward')
    container.command = ['/bin/sleep', '600'];
}
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: workload.metadata.name }, spec };
const maps = documents.filter(d => d.kind === 'ConfigMap').map(({ metadata: { name }, ...rest }) => ({ ...rest, metadata: { name } }));
process.stdout.write([...maps, pod].map(d => yaml.stringify(d)).join('---\n'));
