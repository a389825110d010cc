// Builds build/Release/cheems_native.node with CMake, in build/cmake: `npm run build` in a clone, `npx cheems-native
// build` where the package is installed. A second run only rebuilds what changed. Then builds the CUDA backend, if
// there is a toolkit (build_cuda.cjs).
//   node scripts/build/build_addon.cjs [--clean] [--jobs=N] [CMAKE_ARGUMENT…]
//     --clean           what earlier builds left goes first
//     --jobs=N          so many compilers at once; by default as many as cores and memory allow
//     CMAKE_ARGUMENT    for cmake's configuration, such as -DCMAKE_BUILD_TYPE=Debug
'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { buildCuda } = require('./build_cuda.cjs');
const { build, fittingJobs, run } = require('./run_cmake.cjs');

const root = path.resolve(__dirname, '../..');
const tree = path.join(root, 'build', 'cmake');
const addon = path.join(root, 'build', 'Release', 'cheems_native.node');
const own = process.argv.slice(2).filter((argument) => argument === '--clean' || argument.startsWith('--jobs='));
const cmakeArguments = process.argv.slice(2).filter((argument) => !own.includes(argument));

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
  const folders = [
    '/usr/include',
    '/usr/local/include',
    ...(process.env.CPATH ?? '').split(':'),
    ...(process.env.CPLUS_INCLUDE_PATH ?? '').split(':'),
  ].filter(Boolean);
  return folders.some((folder) => fs.existsSync(path.join(folder, header)));
}

function checkTools() {
  const cxx = process.env.CXX;
  const missing = [
    [!cxx && !onPath('g++') && !onPath('c++'), 'a C++20 compiler', 'g++'],
    [!onPath('cmake'), 'CMake', 'cmake'],
    [!onPath('ninja') && !onPath('make'), 'make (or ninja)', 'make'],
    // If the user sets a package prefix, CMake itself reports what it does not find.
    [!process.env.CMAKE_PREFIX_PATH && !headerExists('hwy/highway.h'), 'Highway (SIMD)', 'libhwy-dev'],
    [!process.env.CMAKE_PREFIX_PATH && !headerExists('nlohmann/json.hpp'), 'nlohmann-json', 'nlohmann-json3-dev'],
  ].filter(([isMissing]) => isMissing);
  if (missing.length === 0) return;
  stop(
    `cheems-native builds its engine on this machine, and for that ${missing.map(([, name]) => name).join(', ')} ` +
      `${missing.length === 1 ? 'is' : 'are'} missing. On Debian or Ubuntu:`,
    `    apt-get install ${missing.map(([, , packageName]) => packageName).join(' ')}`,
    'then run this again.',
  );
}

/**
 * Nothing of this package runs below Node.js 20.19: reported before minutes of building. package.json's "engines" says
 * the same.
 */
function checkNode() {
  const wanted = require(path.join(root, 'package.json')).engines.node.replace('>=', '');
  const [[major, minor], [leastMajor, leastMinor]] = [process.versions.node, wanted].map((text) =>
    text.split('.').map(Number),
  );
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  stop(
    `cheems-native needs Node.js ${wanted} or newer, and this is ${process.versions.node}. Debian 12 has 18 ` +
      'alone: take the archive for Linux from ' +
      'nodejs.org (unpack it, put its bin folder first in PATH), or nvm, and run this again.',
  );
}

/**
 * Runs `change`, which writes files. Without permission (node_modules of root, a read-only disk), the error is one
 * sentence.
 */
function changeFiles(change) {
  try {
    return change();
  } catch (error) {
    stop(
      `${error.path ?? root} cannot be written (${error.code}): run this as the user who owns ${root}, or ` +
        'install cheems-native in a folder of your own.',
    );
  }
}

function checkFolders() {
  for (const folder of [tree, path.dirname(addon)]) {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of ['', ...fs.readdirSync(folder)]) fs.accessSync(path.join(folder, name), fs.constants.W_OK);
  }
}

function removeBuilds() {
  for (const folder of [tree, path.join(root, 'build', 'gpu'), path.dirname(addon)])
    fs.rmSync(folder, { recursive: true, force: true });
}

/** A digest of everything that the engine is built from: sources, options, system. */
function sourcesDigest() {
  const digest = createHash('sha256').update(
    JSON.stringify([process.platform, process.arch, cmakeArguments, process.env.CXX ?? '', process.env.CXXFLAGS ?? '']),
  );
  const files = ['CMakeLists.txt'];
  for (const folder of ['bindings', 'native']) {
    for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true }))
      files.push(path.join(folder, entry));
  }
  for (const file of files.sort()) {
    const whole = path.join(root, file);
    if (fs.statSync(whole).isFile()) digest.update(`${file}\0`).update(fs.readFileSync(whole)).update('\0');
  }
  return digest.digest('hex');
}

const stamp = path.join(root, 'build', 'Release', 'built_from.sha256');

/** Whether a copied or moved package already has an engine of exactly these sources that runs here. */
function isBuilt(digest) {
  try {
    if (fs.readFileSync(stamp, 'utf8') !== digest) return false;
    require(addon).info();
    return true;
  } catch {
    return false;
  }
}

// A build tree made for another folder (the package was moved or copied) cannot be reused.
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

async function buildEngine(jobs) {
  const digest = sourcesDigest();
  const configured = changeFiles(dropForeignTree);
  if (!configured && isBuilt(digest))
    return console.log('The engine of cheems-native is built already, from these sources.');
  checkTools();
  changeFiles(checkFolders);
  const generator = !configured && !process.env.CMAKE_GENERATOR && onPath('ninja') ? ['-G', 'Ninja'] : [];
  const log = process.env.npm_config_loglevel === 'verbose' ? [] : ['--log-level=WARNING'];
  // The CUDA backend has its own build tree, so that its failure does not end this build.
  const options = [...generator, `-DCHEEMS_NODE=${process.execPath}`, ...cmakeArguments, '-DCHEEMS_CUDA=OFF'];
  if (!(await run(['-S', root, '-B', tree, ...log, ...options]))) {
    stop(
      'The build of cheems-native could not be configured: see the message above.',
      `After changing the system, run the same command again with --clean.`,
    );
  }
  const opening =
    `cheems-native builds its engine (C++) here, with ${jobs} ${jobs === 1 ? 'compiler' : 'compilers'} at once; ` +
    'on two cores that takes some minutes.';
  const target = ['--build', tree, '--parallel', String(jobs), '--target', 'cheems_native'];
  if (!(await build(target, { what: 'the engine of cheems-native', opening }))) {
    stop('The build of cheems-native failed: see the first error above.');
  }
  fs.writeFileSync(stamp, digest);
}

async function main() {
  checkNode();
  if (own.includes('--clean')) changeFiles(removeBuilds);
  const jobs = Number(own.find((argument) => argument.startsWith('--jobs='))?.slice('--jobs='.length) ?? fittingJobs());
  await buildEngine(jobs);
  if (!(await buildCuda(cmakeArguments, jobs))) process.exitCode = 1;
}

main().catch((error) => stop(error.message));
