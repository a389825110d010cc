// Compiles the CUDA kernels and fails if one spills registers or has a stack frame: node
// scripts/gpu/compile_kernels.cjs --help
'use strict';

const { execFile, execFileSync, spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs, promisify } = require('node:util');
const { findNvcc } = require('../build/find_nvcc.cjs');
const { parsePtxas, parseResourceUsage, faults } = require('./kernel_report.cjs');
const { kernelTable } = require('./kernel_table.cjs');

const root = path.join(__dirname, '../..');
const native = path.join(root, 'native');
const JOBS = 2;
const CHECKED = ['80', '90', '120'];
const RELEASED = fs
  .readFileSync(path.join(native, 'backends', 'cuda', 'release_architectures.txt'), 'utf8')
  .trim()
  .split(' ');
const OPTIONS = ['-std=c++20', '-O3', '-I', native, '-Xptxas', '-v', '--fatbin'];

// Kernels that may spill or have a stack frame, by demangled name, each with the reason.
const EXEMPT = [];

const HELP = `Compiles every kernel of the CUDA backend with nvcc, as far as the machine code of each architecture, and fails (status 1)
where a kernel spills registers or has a stack frame. Needs nvcc 12.8 or newer and neither cuBLAS nor a GPU; without nvcc it
says so and ends with status 0.

  node scripts/gpu/compile_kernels.cjs [options]

  --release        for ${RELEASED.map((a) => `sm_${a}`).join(', ')} and PTX (default: ${CHECKED.map((a) => `sm_${a}`).join(', ')})
  --architecture A for this one only, as in 90 (may be repeated)
  --library FILE   compiles nothing: looks at the kernels of a library that is built, with cuobjdump (where that is missing, at what
                   it compiles for 8.0)
  --write-table    writes bench/KERNELS.md: registers, occupancy, and traffic as counted by kernels executed on the CPU
  --traffic FILE   the program kernel_traffic that counts (default: built in build/cmake)
  --counts FILE    what that program has printed before, instead of running it
  --rebuild        compiles also what has not changed
  --file FILE      of these sources only (may be repeated): for one's own kernels
  --cache FOLDER   where results of unchanged sources are kept (default: build/kernel-compile)
  --nvcc FILE      the compiler, where it is neither on the PATH nor in CUDA_PATH
  --help`;

function kernelSources() {
  const files = [];
  for (const folder of ['ops', 'backends/cuda']) {
    for (const entry of fs.readdirSync(path.join(native, folder), { recursive: true })) {
      if (entry.endsWith('.cu')) files.push(path.join(native, folder, entry));
    }
  }
  return files.sort();
}

// A source with all files of this project that it includes, in the order of first inclusion.
function includedFiles(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name] of fs.readFileSync(file, 'utf8').matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    const found = [path.join(path.dirname(file), name), path.join(native, name)].find((candidate) =>
      fs.existsSync(candidate),
    );
    if (found) includedFiles(found, seen);
  }
  return seen;
}

function contentHash(file, compiler, architecture, options) {
  const hash = createHash('sha256').update(
    JSON.stringify([compiler, architecture, options.filter((o) => o !== native)]),
  );
  for (const included of includedFiles(file))
    hash.update(path.relative(root, included)).update(fs.readFileSync(included));
  return hash.digest('hex').slice(0, 24);
}

// One source for one architecture: {kernels, seconds}. Throws with nvcc's message if it does not compile.
async function compile(job, nvcc) {
  const { file, architecture, options } = job;
  const object = `${job.cached}.${process.pid}.fatbin`;
  const begin = Date.now();
  try {
    const { stdout, stderr } = await promisify(execFile)(nvcc, [...options, file, '-o', object], {
      maxBuffer: 1 << 28,
    });
    const kernels = parsePtxas(`${stdout}\n${stderr}`);
    if (kernels.length === 0 && /__global__/.test(fs.readFileSync(file, 'utf8')))
      throw new Error('ptxas did not name a kernel.');
    return { kernels, seconds: (Date.now() - begin) / 1000 };
  } catch (error) {
    const words = `${error.stderr ?? error.message}`
      .split('\n')
      .filter((line) => !/^ptxas info|bytes stack frame/.test(line));
    throw new Error(`${path.relative(root, file)} does not compile for sm_${architecture}:\n${words.join('\n')}`);
  } finally {
    fs.rmSync(object, { force: true });
  }
}

function plannedJobs(files, architectures, { release, cache }, compiler) {
  const jobs = [];
  for (const file of files) {
    for (const architecture of architectures) {
      const code = release && architecture === '80' ? '[sm_80,compute_80]' : `sm_${architecture}`;
      const options = [...OPTIONS, '-gencode', `arch=compute_${architecture},code=${code}`];
      const slug = `${path.relative(native, file).replaceAll('../', '').replaceAll('/', '-')}.sm_${architecture}`;
      const hash = contentHash(file, compiler, architecture, options);
      jobs.push({ file, architecture, options, slug, cached: path.join(cache, `${slug}.json`), hash });
    }
  }
  return jobs;
}

// The result kept from another run of the same sources, or undefined.
function kept(job) {
  if (!fs.existsSync(job.cached)) return undefined;
  const result = JSON.parse(fs.readFileSync(job.cached, 'utf8'));
  job.expectedSeconds = result.seconds; // maybe of other sources, but a good estimate
  return result.hash === job.hash ? result : undefined;
}

async function compileAll(jobs, nvcc, rebuild) {
  const results = new Map();
  const waiting = [];
  for (const job of jobs) {
    const result = kept(job);
    if (result && !rebuild) results.set(job, result);
    else waiting.push(job);
  }
  // The longest first, so that none runs alone at the end.
  const size = (job) => job.expectedSeconds ?? fs.statSync(job.file).size / 1000;
  waiting.sort((a, b) => size(b) - size(a));
  const compiled = waiting.length;
  const errors = [];
  const work = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      try {
        const result = { hash: job.hash, ...(await compile(job, nvcc)) };
        fs.writeFileSync(`${job.cached}.new`, JSON.stringify(result));
        fs.renameSync(`${job.cached}.new`, job.cached);
        results.set(job, result);
        console.log(`${job.slug}: ${result.kernels.length} kernels, ${result.seconds.toFixed(1)} s`);
      } catch (error) {
        errors.push(error.message);
      }
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  return { results, errors, compiled };
}

// The kernels of a built library, or undefined if there is no cuobjdump beside nvcc or on the PATH.
function libraryKernels(library, nvcc) {
  const beside = path.join(path.dirname(fs.realpathSync(nvcc)), 'cuobjdump');
  const options = { encoding: 'utf8', maxBuffer: 1 << 28 };
  const { status, stdout, stderr, error } = spawnSync(
    fs.existsSync(beside) ? beside : 'cuobjdump',
    ['--dump-resource-usage', library],
    options,
  );
  if (error?.code === 'ENOENT') return undefined;
  const kernels = status === 0 ? parseResourceUsage(stdout) : [];
  if (kernels.length === 0)
    throw new Error(`cuobjdump finds no kernel in ${library}: ${stderr.trim() || error?.message || 'it says nothing'}`);
  return kernels;
}

// Reports kernels that spill or have a stack frame, and sets the exit code.
function judge(kernels, errors, what) {
  demangle(kernels);
  const sentences = [...errors, ...faults(kernels, EXEMPT)];
  for (const sentence of sentences) console.error(sentence);
  console.log(`${kernels.length} kernels ${what}: ${sentences.length} faults.`);
  if (sentences.length > 0) process.exitCode = 1;
}

// Adds the readable name to each kernel.
function demangle(kernels) {
  const filter = spawnSync('c++filt', {
    input: kernels.map((k) => k.symbol).join('\n'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (filter.status !== 0)
    throw new Error('c++filt, which makes names readable, does not run. Install it with: apt-get install binutils');
  const names = filter.stdout.trimEnd().split('\n');
  kernels.forEach((kernel, i) => {
    kernel.name = names[i];
  });
}

function trafficProgram(given) {
  if (given) return given;
  const tree = path.join(root, 'build', 'cmake');
  const run = (...args) => execFileSync('cmake', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  run('-S', '.', '-B', tree);
  run('--build', tree, '--target', 'kernel_traffic');
  return path.join(tree, 'kernel_traffic');
}

async function main() {
  const { values } = parseArgs({
    options: {
      'release': { type: 'boolean' },
      'architecture': { type: 'string', multiple: true },
      'write-table': { type: 'boolean' },
      'traffic': { type: 'string' },
      'counts': { type: 'string' },
      'rebuild': { type: 'boolean' },
      'file': { type: 'string', multiple: true },
      'cache': { type: 'string', default: path.join(root, 'build', 'kernel-compile') },
      'nvcc': { type: 'string' },
      'library': { type: 'string' },
      'help': { type: 'boolean' },
    },
  });
  if (values.help) return console.log(HELP);
  const nvcc = values.nvcc ?? findNvcc();
  if (!nvcc) {
    console.log(
      'SKIPPED: nvcc was found neither on the PATH nor in CUDA_PATH, so no kernel was compiled (bash ' +
        'scripts/setup_cuda.sh fetches it).',
    );
    return;
  }
  if (values.library) {
    const kernels = libraryKernels(values.library, nvcc);
    if (kernels)
      return judge(
        kernels,
        [],
        `in ${path.relative(root, values.library)} (${[...new Set(kernels.map((k) => k.architecture))].join(', ')})`,
      );
    console.log('cuobjdump was found neither beside nvcc nor on the PATH, so the kernels are compiled once more.');
    values.architecture = ['80'];
  }
  const version = execFileSync(nvcc, ['--version'], { encoding: 'utf8' }).trim();
  const files = values.file?.map((file) => path.resolve(file)) ?? kernelSources();
  const jobs = plannedJobs(files, values.architecture ?? (values.release ? RELEASED : CHECKED), values, version);
  fs.mkdirSync(values.cache, { recursive: true });
  const begin = Date.now();
  const { results, errors, compiled } = await compileAll(jobs, nvcc, values.rebuild);
  const kernels = [...results.values()].flatMap((result) => result.kernels);
  const kept = jobs.length - compiled;
  judge(
    kernels,
    errors,
    `of ${files.length} files for ${jobs.length / files.length} architectures, ` +
      `${compiled} compilations in ${((Date.now() - begin) / 1000).toFixed(0)} s and ${kept} unchanged`,
  );
  if (values['write-table']) {
    const release = /release (\d+\.\d+)/.exec(version)?.[1];
    const program = trafficProgram(values.traffic);
    // Its progress, one operation per line, is passed on.
    const counts = values.counts
      ? fs.readFileSync(values.counts, 'utf8')
      : execFileSync(program, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] });
    fs.writeFileSync(
      path.join(root, 'bench', 'KERNELS.md'),
      kernelTable(kernels, program, JSON.parse(counts), release),
    );
    console.log('bench/KERNELS.md written.');
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
