// Builds the CUDA backend, build/Release/libcheems_cuda.so, in build/gpu, if there is a CUDA toolkit.
// scripts/build/build_addon.cjs runs it after the addon, as part of npm run build and npx cheems-native build. By
// itself:
//
//   node scripts/build/build_cuda.cjs [-DNAME=VALUE…]
//
// CHEEMS_CUDA in the environment, or -DCHEEMS_CUDA=…: AUTO (the default) builds if nvcc is found, and a failure is
// reported without ending the build; OFF does not build; ON makes anything that is missing or fails an error (status
// 1).
'use strict';
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { findNvcc } = require('./find_nvcc.cjs');
const { build, fittingJobs, run } = require('./run_cmake.cjs');

const root = path.resolve(__dirname, '../..');
const tree = path.join(root, 'build', 'gpu');
const logFile = path.join(tree, 'build.log');
const plugin = path.join(root, 'build', 'Release', 'libcheems_cuda.so');
const stamp = `${plugin}.built_from.sha256`;
const LEAVE_OUT = 'Without it everything runs on the CPU. To leave it out: CHEEMS_CUDA=OFF';

/** AUTO, ON or OFF. */
function wish(args) {
  const given = args
    .map((arg) => /^-DCHEEMS_CUDA(?::STRING)?=(.*)$/.exec(arg)?.[1])
    .findLast((value) => value !== undefined);
  const value = (given ?? (process.env.CHEEMS_CUDA || 'AUTO')).toUpperCase();
  if (['AUTO', 'ON', 'OFF'].includes(value)) return value;
  throw new Error(`CHEEMS_CUDA is ${value}; it is AUTO, ON or OFF.`);
}

function output(program, args) {
  const { status, stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout : '';
}

/** A digest of everything that the library is made from: sources, compiler, GPUs, options. */
function inputsDigest(nvccVersion, args) {
  const gpus = output('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader']);
  const digest = createHash('sha256').update(
    JSON.stringify([nvccVersion, gpus, args, process.env.CXX ?? '', process.env.CUDAHOSTCXX ?? '']),
  );
  const native = path.join(root, 'native');
  const files = fs
    .readdirSync(native, { recursive: true })
    .filter((name) => /\.(cuh?|cpp|h|cmake|txt)$/.test(name) && !/test/.test(name));
  for (const file of files
    .map((name) => path.join(native, name))
    .concat(path.join(root, 'CMakeLists.txt'), path.join(root, 'package.json'))
    .sort()) {
    digest
      .update(`${path.relative(root, file)}\0`)
      .update(fs.readFileSync(file))
      .update('\0');
  }
  return digest.digest('hex');
}

/** A build tree of another folder or toolkit contains objects that are not compatible with new ones. */
function dropOtherTree(toolkit) {
  const mark = path.join(tree, 'toolkit.txt');
  const wanted = `${root}\n${toolkit}`;
  if (fs.existsSync(tree) && (!fs.existsSync(mark) || fs.readFileSync(mark, 'utf8') !== wanted)) {
    fs.rmSync(tree, { recursive: true, force: true });
  }
  fs.mkdirSync(tree, { recursive: true });
  fs.writeFileSync(mark, wanted);
}

function configure(args, log) {
  const fresh = !fs.existsSync(path.join(tree, 'CMakeCache.txt'));
  const ninja = fresh && !process.env.CMAKE_GENERATOR && output('ninja', ['--version']) !== '' ? ['-G', 'Ninja'] : [];
  const own = ['-DCHEEMS_ADDON=OFF', '-DCHEEMS_CUDA=AUTO'];
  const options = args.filter((arg) => !/^-DCHEEMS_CUDA(:STRING)?=/.test(arg));
  return run(['-S', root, '-B', tree, ...ninja, ...own, ...options], log);
}

/** The first line of the log in which a compiler, the linker or CMake reports an error. */
function firstError() {
  const lines = fs.readFileSync(logFile, 'utf8').split('\n');
  const line = lines.find((text) =>
    /\berror\b.*:|fatal error|undefined reference|unsupported|CMake Error|Killed|No space left/.test(text),
  );
  return line === undefined ? '' : ` It says: ${line.trim().slice(0, 300)}`;
}

/** Builds and prints the outcome. Returns whether it is as requested. */
async function buildCuda(args, jobs = fittingJobs()) {
  const wanted = wish(args);
  if (wanted === 'OFF') return true;
  const nvcc = findNvcc();
  const isWithout = (reason) => {
    console.error(`The CUDA backend is not built: ${reason}`);
    if (wanted !== 'ON') console.error(LEAVE_OUT);
    return wanted !== 'ON';
  };
  if (nvcc === undefined) {
    // A machine without a toolkit is not an error and needs no message.
    return (
      wanted === 'AUTO' ||
      isWithout('nvcc was found neither on the PATH nor in CUDA_PATH (bash scripts/setup_cuda.sh fetches it).')
    );
  }
  const version = output(nvcc, ['--version']);
  if (version === '') return isWithout(`${nvcc} does not run.`);
  const digest = inputsDigest(version, args);
  if (fs.existsSync(plugin) && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return true;
  fs.rmSync(stamp, { force: true });
  dropOtherTree(`${fs.realpathSync(nvcc)}\n${version}`);
  const log = fs.openSync(logFile, 'w');
  try {
    if (!(await configure(args, log))) return isWithout(`CMake could not configure it, see ${logFile}.${firstError()}`);
    const [state, ...notes] = fs.readFileSync(path.join(tree, 'cuda_backend.txt'), 'utf8').trim().split('\n');
    if (!state.startsWith('ready ')) return isWithout(`${state.replace(/^missing /, '')}.`);
    for (const note of notes.filter(Boolean)) console.error(note);
    const opening =
      `A CUDA toolkit is here (${nvcc}): its backend is built too, for ${state.slice('ready '.length)}; on two ` +
      'cores that takes a minute or two.';
    const target = ['--build', tree, '--parallel', String(jobs), '--target', 'cheems_cuda'];
    if (!(await build(target, { what: 'the CUDA backend', opening, log }))) {
      return isWithout(`its compilation failed, see ${logFile}.${firstError()}`);
    }
    fs.writeFileSync(stamp, digest);
    return true;
  } finally {
    fs.closeSync(log);
  }
}

module.exports = { buildCuda };

if (require.main === module) {
  buildCuda(process.argv.slice(2)).then(
    (isAsWished) => {
      process.exitCode = isAsWished ? 0 : 1;
    },
    (error) => {
      console.error(error.message);
      process.exitCode = 2;
    },
  );
}
