// Runs cmake for build_addon.cjs and build_cuda.cjs: progress for people, and Ctrl-C that reaches the compilers too.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');

/**
 * Number of compilers at once: each needs up to about 1 GiB for this C++, and nvcc about the same for the largest
 * kernels.
 */
const fittingJobs = () => Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.totalmem() / 2 ** 30)));

let running;
let stopped;

/** Starts cmake in a process group of its own, so that one signal reaches the compilers too. */
function startCmake(args, stdio) {
  running = spawn('cmake', args, { cwd: root, stdio, detached: true });
  running.on('error', (error) => {
    console.error(`cmake could not be started: ${error.message}`);
    process.exit(1);
  });
  return running;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopped ??= signal;
    if (running === undefined || running.exitCode !== null) return leaveStopped();
    try {
      process.kill(-running.pid, 'SIGTERM');
    } catch {
      // The process has just ended.
    }
  });
}

function leaveStopped() {
  console.error('\nStopped. What is compiled is kept: the same command continues from here.');
  process.exit(128 + os.constants.signals[stopped]);
}

/** Runs cmake, with its output in the open file `log` if one is given. Returns whether it succeeded. */
function run(args, log) {
  return new Promise((resolve) => {
    startCmake(args, ['ignore', log ?? 'inherit', log ?? 'inherit']).on('close', (code) => {
      if (stopped) leaveStopped();
      resolve(code === 0);
    });
  });
}

const SECONDS_BETWEEN_LINES = 30;

/** Progress is one changing line on a terminal, else separate lines. */
function progressStream() {
  return { write: (text) => process.stdout.write(text), isTerminal: process.stdout.isTTY };
}

/**
 * Runs cmake --build. Its steps are shown as progress; everything else that it prints (warnings, errors) is passed on,
 * or written to the open file `log`. `what` completes "Building WHAT", `opening` is the line before the first step.
 * Returns whether it succeeded.
 */
function build(args, { what, opening, log }) {
  const began = Date.now();
  const { write, isTerminal } = progressStream();
  let lastLine = 0;
  let hasBegun = false;
  const tell = (step, isEnd) => {
    const seconds = Math.round((Date.now() - began) / 1000);
    const line = `Building ${what}: ${step}, ${seconds} s`;
    if (!hasBegun) {
      hasBegun = true;
      write(`${opening}\n`);
    }
    if (isTerminal) write(`\r\x1b[K${line}${isEnd ? '\n' : ''}`);
    else if (isEnd || seconds - lastLine >= SECONDS_BETWEEN_LINES || lastLine === 0) write(`${line}\n`);
    else return;
    lastLine = Math.max(seconds, 1);
  };
  return new Promise((resolve) => {
    const child = startCmake(args, ['ignore', 'pipe', log ?? 'inherit']);
    let rest = '';
    let latest;
    // A step may take longer than the pause between lines.
    const timer = setInterval(() => latest && hasBegun && tell(latest, false), isTerminal ? 1000 : 5000);
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (log !== undefined) fs.writeSync(log, `${line}\n`);
        const ninja = /^\[(\d+)\/(\d+)\]/.exec(line);
        const make = /^\[ *(\d+)%\] (Building|Linking)/.exec(line);
        if (ninja) latest = `${ninja[1]} of ${ninja[2]} steps`;
        else if (make) latest = `${make[1]} %`;
        else if (
          /^(ninja: no work to do|ninja: Entering|\[ *\d+%\]|gmake|make|Consolidate compiler|Scanning dependencies)/.test(
            line,
          ) &&
          !/Error/.test(line)
        )
          continue;
        else if (log === undefined) write(`${line}\n`);
        // Checking what is out of date takes a step or two, and does not count as a build.
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

module.exports = { build, fittingJobs, run };
