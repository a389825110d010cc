// npm's install script: builds build/Release/cheems_native.node with CMake, in build/cmake. A second run only
// rebuilds what changed. Extra arguments go to cmake's configuration: node scripts/build_addon.cjs -DCMAKE_BUILD_TYPE=Debug
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const tree = path.join(root, 'build', 'cmake');

function stop(...lines) {
  console.error(['', ...lines, ''].join('\n'));
  process.exit(1);
}

function onPath(program) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      fs.accessSync(path.join(folder, program), fs.constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function headerExists(header) {
  const folders = ['/usr/include', '/usr/local/include', ...(process.env.CPATH ?? '').split(':'),
    ...(process.env.CPLUS_INCLUDE_PATH ?? '').split(':')].filter(Boolean);
  return folders.some((folder) => fs.existsSync(path.join(folder, header)));
}

function checkTools() {
  const cxx = process.env.CXX;
  const missing = [
    [!cxx && !onPath('g++') && !onPath('c++'), 'a C++20 compiler', 'g++'],
    [!onPath('cmake'), 'CMake', 'cmake'],
    [!onPath('ninja') && !onPath('make'), 'make (or ninja)', 'make'],
    // With a package prefix of one's own, CMake itself says what it does not find.
    [!process.env.CMAKE_PREFIX_PATH && !headerExists('hwy/highway.h'), 'Highway (SIMD)', 'libhwy-dev'],
    [!process.env.CMAKE_PREFIX_PATH && !headerExists('nlohmann/json.hpp'), 'nlohmann-json', 'nlohmann-json3-dev'],
  ].filter(([isMissing]) => isMissing);
  if (missing.length === 0) return;
  stop(
    `cheems-native builds its engine on this machine, and for that ${missing.map(([, name]) => name).join(', ')} ` +
      `${missing.length === 1 ? 'is' : 'are'} missing. On Debian or Ubuntu:`,
    `    apt-get install ${missing.map(([, , packageName]) => packageName).join(' ')}`,
    'then run npm install again (or, in this folder, node scripts/build_addon.cjs).',
  );
}

function run(args) {
  const { status, error } = spawnSync('cmake', args, { cwd: root, stdio: 'inherit' });
  if (error) stop(`cmake could not be started: ${error.message}`);
  return status === 0;
}

// A tree made for another folder (the package was moved or copied) cannot be used again.
function dropForeignTree() {
  let cache;
  try {
    cache = fs.readFileSync(path.join(tree, 'CMakeCache.txt'), 'utf8');
  } catch {
    return false;
  }
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(cache)?.[1];
  if (home !== undefined && fs.existsSync(home) && fs.realpathSync(home) === fs.realpathSync(root)) return true;
  fs.rmSync(tree, { recursive: true, force: true });
  return false;
}

checkTools();
const configured = dropForeignTree();
const generator = !configured && !process.env.CMAKE_GENERATOR && onPath('ninja') ? ['-G', 'Ninja'] : [];
const log = process.env.npm_config_loglevel === 'verbose' ? [] : ['--log-level=WARNING'];
if (!run(['-S', root, '-B', tree, ...log, ...generator, `-DCHEEMS_NODE=${process.execPath}`, ...process.argv.slice(2)])) {
  stop('The build of cheems-native could not be configured: see the message above.',
    'After changing the system, remove build/cmake and run node scripts/build_addon.cjs again.');
}
// A compiler of this C++ takes up to about 1 GiB: on a small machine, fewer at once.
const jobs = Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.totalmem() / 2 ** 30)));
if (!run(['--build', tree, '--parallel', String(jobs), '--target', 'cheems_native'])) {
  stop('The build of cheems-native failed: see the first error above.');
}
