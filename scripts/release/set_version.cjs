// Writes one version into package.json, its lock file and the platform packages, which all have the same.
//   node scripts/release/set_version.cjs VERSION     (npm version VERSION does it too)
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const [version] = process.argv.slice(2);
if (!version) {
  console.error('Usage: node scripts/release/set_version.cjs VERSION');
  process.exit(2);
}
const npmVersion = (folder) =>
  execFileSync('npm', ['version', version, '--no-git-tag-version', '--allow-same-version', '--ignore-scripts'], {
    cwd: folder,
    stdio: 'ignore',
  });
npmVersion(root);
for (const name of fs.readdirSync(path.join(root, 'packages'))) {
  const folder = path.join(root, 'packages', name);
  if (fs.existsSync(path.join(folder, 'package.json'))) npmVersion(folder);
}
console.log(`Version ${version}.`);
