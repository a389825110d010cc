// Builds build/Release/cheems_native.node with CMake, in build/cmake: `npm run build` in a clone, `npx cheems-native build` where
// the package is installed. A second run only rebuilds what changed.
//   node scripts/build_addon.cjs [--clean] [--jobs=N] [CMAKE_ARGUMENT…]
//     --clean           what earlier builds left goes first
//     --jobs=N          so many compilers at once; by default as many as cores and memory allow
//     CMAKE_ARGUMENT    for cmake's configuration, such as -DCMAKE_BUILD_TYPE=Debug
'use strict';
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
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
    'then run this again.',
  );
}

/**
 * Below Node.js 20.19 nothing of this package runs: told before minutes of building. package.json's "engines" says
 * the same.
 */
function checkNode() {
  const wanted = require(path.join(root, 'package.json')).engines.node.replace('>=', '');
  const [[major, minor], [leastMajor, leastMinor]] = [process.versions.node, wanted].map((text) => text.split('.').map(Number));
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  stop(
    `cheems-native needs Node.js ${wanted} or newer, and this is ${process.versions.node}. Debian 12 has 18 alone: take the archive for Linux from ` +
      'nodejs.org (unpack it, put its bin folder first in PATH), or nvm, and run this again.',
  );
}

/** Does `change` to files; where this user may not (node_modules of root, a read-only disk), that is one sentence. */
function changeFiles(change) {
  try {
    return change();
  } catch (error) {
    stop(`${error.path ?? root} cannot be written (${error.code}): run this as the user who owns ${root}, or install cheems-native in a folder of your own.`);
  }
}

function checkFolders() {
  for (const folder of [tree, path.dirname(addon)]) {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of ['', ...fs.readdirSync(folder)]) fs.accessSync(path.join(folder, name), fs.constants.W_OK);
  }
}

function removeBuilds() {
  for (const folder of [tree, path.dirname(addon)]) fs.rmSync(folder, { recursive: true, force: true });
}

let running;
let stopped;

/** Starts cmake in a process group of its own, so that one signal reaches the compilers too. */
function startCmake(args, stdio) {
  running = spawn('cmake', args, { cwd: root, stdio, detached: true });
  running.on('error', (error) => stop(`cmake could not be started: ${error.message}`));
  return running;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopped ??= signal;
    if (running === undefined || running.exitCode !== null) return leaveStopped();
    try {
      process.kill(-running.pid, 'SIGTERM');
    } catch {
      // It has just ended.
    }
  });
}

function leaveStopped() {
  console.error('\nStopped. What is compiled is kept: the same command goes on from here.');
  process.exit(128 + os.constants.signals[stopped]);
}

function run(args) {
  return new Promise((resolve) => {
    startCmake(args, ['ignore', 'inherit', 'inherit']).on('close', (code) => {
      if (stopped) leaveStopped();
      resolve(code === 0);
    });
  });
}

const SECONDS_BETWEEN_LINES = 30;

/** Progress is a line that changes on a terminal, else lines. */
function progressStream() {
  return { write: (text) => process.stdout.write(text), isTerminal: process.stdout.isTTY };
}

/** Runs the build: its steps as progress, all else that it prints (warnings, errors) as it comes. */
function build(args, jobs) {
  const began = Date.now();
  const { write, isTerminal } = progressStream();
  let lastLine = 0;
  let hasBegun = false;
  const tell = (step, isEnd) => {
    const seconds = Math.round((Date.now() - began) / 1000);
    const line = `Building the engine of cheems-native: ${step}, ${seconds} s`;
    if (!hasBegun) {
      hasBegun = true;
      write(`cheems-native builds its engine (C++) here, with ${jobs} ${jobs === 1 ? 'compiler' : 'compilers'} at once; on two cores that takes some minutes.\n`);
    }
    if (isTerminal) write(`\r\x1b[K${line}${isEnd ? '\n' : ''}`);
    else if (isEnd || seconds - lastLine >= SECONDS_BETWEEN_LINES || lastLine === 0) write(`${line}\n`);
    else return;
    lastLine = Math.max(seconds, 1);
  };
  return new Promise((resolve) => {
    const child = startCmake(args, ['ignore', 'pipe', 'inherit']);
    let rest = '';
    let latest;
    // A step may take longer than the pause between lines.
    const timer = setInterval(() => latest && hasBegun && tell(latest, false), isTerminal ? 1000 : 5000);
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const ninja = /^\[(\d+)\/(\d+)\]/.exec(line);
        const make = /^\[ *(\d+)%\] (Building|Linking)/.exec(line);
        if (ninja) latest = `${ninja[1]} of ${ninja[2]} steps`;
        else if (make) latest = `${make[1]} %`;
        else if (/^(ninja: no work to do|ninja: Entering|\[ *\d+%\]|gmake|make|Consolidate compiler|Scanning dependencies)/.test(line) && !/Error/.test(line)) continue;
        else write(`${line}\n`);
        // A look at what is out of date takes a step or two, and is no build.
        if (make || (ninja && (hasBegun || Number(ninja[2]) > 2))) tell(latest, false);
      }
    });
    child.on('close', (code) => {
      clearInterval(timer);
      if (stopped) leaveStopped();
      if (latest && hasBegun) tell(code === 0 ? 'done' : `ended at ${latest}`, true);
      resolve(code === 0);
    });
  });
}

/** What the engine is built from, as one digest: sources, options, system. */
function sourcesDigest() {
  const digest = createHash('sha256').update(JSON.stringify([process.platform, process.arch, cmakeArguments, process.env.CXX ?? '', process.env.CXXFLAGS ?? '']));
  const files = ['CMakeLists.txt'];
  for (const folder of ['bindings', 'native']) {
    for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true })) files.push(path.join(folder, entry));
  }
  for (const file of files.sort()) {
    const whole = path.join(root, file);
    if (fs.statSync(whole).isFile()) digest.update(`${file}\0`).update(fs.readFileSync(whole)).update('\0');
  }
  return digest.digest('hex');
}

const stamp = path.join(root, 'build', 'Release', 'built_from.sha256');

/** Whether a copied or moved package brought an engine of just these sources that runs here. */
function isBuilt(digest) {
  try {
    if (fs.readFileSync(stamp, 'utf8') !== digest) return false;
    require(addon).info();
    return true;
  } catch {
    return false;
  }
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

async function main() {
  checkNode();
  if (own.includes('--clean')) changeFiles(removeBuilds);
  const digest = sourcesDigest();
  const configured = changeFiles(dropForeignTree);
  if (!configured && isBuilt(digest)) return console.log('The engine of cheems-native is built already, from these sources.');
  checkTools();
  changeFiles(checkFolders);
  const generator = !configured && !process.env.CMAKE_GENERATOR && onPath('ninja') ? ['-G', 'Ninja'] : [];
  const log = process.env.npm_config_loglevel === 'verbose' ? [] : ['--log-level=WARNING'];
  if (!(await run(['-S', root, '-B', tree, ...log, ...generator, `-DCHEEMS_NODE=${process.execPath}`, ...cmakeArguments]))) {
    stop('The build of cheems-native could not be configured: see the message above.',
      `After changing the system, run the same command again with --clean.`);
  }
  // A compiler of this C++ takes up to about 1 GiB: on a small machine, fewer at once.
  const fitting = Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.totalmem() / 2 ** 30)));
  const jobs = Number(own.find((argument) => argument.startsWith('--jobs='))?.slice('--jobs='.length) ?? fitting);
  if (!(await build(['--build', tree, '--parallel', String(jobs), '--target', 'cheems_native'], jobs))) {
    stop('The build of cheems-native failed: see the first error above.');
  }
  fs.writeFileSync(stamp, digest);
}

void main();
