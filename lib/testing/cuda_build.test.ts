// How the CUDA backend is built, or not: scripts/build/build_cuda.cjs,
// native/backends/cuda/{CMakeLists.txt,architectures.cmake}. Compilers and nvidia-smi are stand-ins, except where the
// title says a real toolkit.
import test, { type ExecutionContext } from 'ava';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const { findNvcc } = createRequire(__filename)(path.join(root, 'scripts/build/find_nvcc.cjs')) as {
  findNvcc(): string | undefined;
};
const realNvcc = findNvcc();
const withToolkit = realNvcc === undefined ? test.skip : test;

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'cheems-cuda-build-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function program(folder: string, name: string, ...lines: string[]): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, name);
  writeFileSync(file, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  return file;
}

const LISTED = [75, 80, 86, 87, 89, 90, 100, 120];

/** nvcc as far as a configuration asks it; `otherwise` is what it does when it shall compile. */
function standInNvcc(folder: string, { release = '13.0', otherwise = 'exit 1' } = {}): string {
  return program(
    path.join(folder, 'bin'),
    'nvcc',
    'case "$*" in',
    '  --version) echo "nvcc: NVIDIA (R) Cuda compiler driver"; echo "Cuda compilation tools, release ' +
      `${release}, V${release}.1" ;;`,
    `  --list-gpu-arch) printf 'compute_%s\\n' ${LISTED.join(' ')} ;;`,
    `  *--dryrun* | *__cmake_determine_cuda*) echo '#$ TOP=${folder}' >&2 ;;`,
    `  *) ${otherwise} ;;`,
    'esac',
  );
}

/** What architectures.cmake chooses where nvidia-smi prints this. */
function choice(t: ExecutionContext, capabilities: string, { status = 0, images = 'MACHINE', release = '13.0' } = {}) {
  const folder = temporaryFolder(t);
  program(path.join(folder, 'smi'), 'nvidia-smi', `printf '%s' '${capabilities}'`, `exit ${status}`);
  const { status: code, stderr } = spawnSync(
    'cmake',
    [
      `-DCHEEMS_NVCC=${standInNvcc(folder, { release })}`,
      `-DCHEEMS_ARCHITECTURES_FOR=${images}`,
      '-P',
      path.join(root, 'native/backends/cuda/architectures.cmake'),
    ],
    { encoding: 'utf8', env: { ...process.env, PATH: `${path.join(folder, 'smi')}:${process.env.PATH}` } },
  );
  t.is(code, 0, stderr);
  const [architectures, imagesLine, ...notes] = stderr.trim().split('\n');
  return {
    architectures: architectures!.replace('architectures ', ''),
    images: imagesLine!.replace('images ', ''),
    notes,
  };
}

test('machine code for the GPUs that are here, and PTX of 8.0 always', (t) => {
  t.deepEqual(choice(t, '8.0\n'), { architectures: '80', images: 'sm_80 PTX 8.0', notes: [] });
  t.deepEqual(choice(t, '9.0\n9.0\n9.0\n'), {
    architectures: '80-virtual;90-real',
    images: 'sm_90 PTX 8.0',
    notes: [],
  });
  t.deepEqual(choice(t, '8.0\r\n12.0\r\n'), {
    architectures: '80;120-real',
    images: 'sm_80 sm_120 PTX 8.0',
    notes: [],
  });
  // MIG: each line is the card's, however many instances it is cut into.
  t.is(choice(t, '10.0\n10.0\n8.6\n').architectures, '80-virtual;100-real;86-real');
});

test('GPUs that the kernels or the compiler do not serve are left out, with a sentence', (t) => {
  const volta = choice(t, '7.0\n');
  t.is(volta.architectures, '80');
  t.is(volta.notes.length, 1);
  t.regex(volta.notes[0]!, /compute capability 7\.0, below the 8\.0 .*cannot be used/);
  const turingBesideAmpere = choice(t, '7.5\n8.0\n');
  t.is(turingBesideAmpere.architectures, '80');
  t.regex(turingBesideAmpere.notes.join(), /7\.5/);
  const newer = choice(t, '10.3\n9.0\n');
  t.is(newer.architectures, '80-virtual;90-real');
  t.regex(newer.notes.join(), /10\.3, which this nvcc does not support.*PTX of 8\.0/);
  t.is(choice(t, '10.3\n').images, 'sm_80 PTX 8.0');
});

test('an nvidia-smi that fails or says something else counts for no GPU', (t) => {
  const none = { architectures: '80', images: 'sm_80 PTX 8.0', notes: [] };
  t.deepEqual(choice(t, '9.0\n', { status: 9 }), none);
  t.deepEqual(choice(t, ''), none);
  t.deepEqual(choice(t, '[N/A]\nNVIDIA-SMI has failed because it could not communicate; driver 535.12\n'), none);
  t.is(choice(t, 'N/A\n8.9\n').architectures, '80-virtual;89-real');
});

test('a release has the images of release_architectures.txt, whatever this machine is', (t) => {
  const { images, architectures } = choice(t, '7.0\n', { images: 'RELEASE' });
  t.is(images, 'sm_80 sm_86 sm_89 sm_90 sm_100 sm_120 PTX 8.0');
  t.regex(architectures, /^80;(\d+-real;?)+$/);
});

/** A checkout of links, with a build folder of its own. */
function checkout(t: ExecutionContext): string {
  const folder = path.join(temporaryFolder(t), 'a checkout (1)');
  mkdirSync(folder);
  for (const name of ['native', 'bindings', 'CMakeLists.txt', 'package.json'])
    symlinkSync(path.join(root, name), path.join(folder, name));
  cpSync(path.join(root, 'scripts'), path.join(folder, 'scripts'), { recursive: true });
  return folder;
}

function buildCuda(folder: string, variables: NodeJS.ProcessEnv, ...args: string[]) {
  // Without the toolkit of this machine.
  const bare = (process.env.PATH ?? '').split(path.delimiter).filter((name) => !existsSync(path.join(name, 'nvcc')));
  const PATH = [path.join(folder, 'tools'), ...bare].join(path.delimiter);
  const { CUDA_PATH, CUDA_HOME, CUDACXX, CHEEMS_CUDA, ...environment } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(folder, 'scripts/build/build_cuda.cjs'), '-DCHEEMS_TESTS=OFF', ...args],
    { encoding: 'utf8', env: { ...environment, PATH, ...variables } },
  );
  return { status, said: stdout + stderr };
}

test('without a toolkit nothing is said and nothing is tried; asked for, it is an error', (t) => {
  const folder = checkout(t);
  if (existsSync('/usr/local/cuda/bin/nvcc')) return t.pass('this machine has a toolkit where it is always found');
  t.deepEqual(buildCuda(folder, {}), { status: 0, said: '' });
  t.false(existsSync(path.join(folder, 'build')));
  const asked = buildCuda(folder, { CHEEMS_CUDA: 'ON' });
  t.is(asked.status, 1);
  t.regex(asked.said, /^The CUDA backend is not built: nvcc was found neither .*setup_cuda\.sh fetches it\)\.\n$/);
  const wrong = buildCuda(folder, { CHEEMS_CUDA: 'yes' });
  t.is(wrong.status, 2);
  t.regex(wrong.said, /CHEEMS_CUDA is YES; it is AUTO, ON or OFF/);
});

test('a toolkit that does not do is a sentence with its reason, and an error only where it was asked for', (t) => {
  const folder = checkout(t);
  const toolkit = path.join(folder, 'toolkit');
  const tried = (variables: NodeJS.ProcessEnv = {}, ...args: string[]) =>
    buildCuda(folder, { CUDACXX: path.join(toolkit, 'bin/nvcc'), ...variables }, ...args);
  const refused = (words: RegExp) => {
    const { status, said } = tried();
    t.is(status, 0, said);
    t.regex(said, words);
    t.regex(said, /everything runs on the CPU\. To leave it out: CHEEMS_CUDA=OFF/);
  };
  program(path.join(toolkit, 'bin'), 'nvcc', 'exit 127');
  refused(/The CUDA backend is not built: .*nvcc does not run\./);
  standInNvcc(toolkit, { release: '11.8' });
  refused(/The CUDA backend is not built: nvcc 11\.8 .* is older than 12\.8\./);
  standInNvcc(toolkit);
  refused(/The CUDA backend is not built: cublasLt\.h was not found in .*libcublas-dev/);
  for (const part of ['include', 'nvvm/libdevice']) mkdirSync(path.join(toolkit, part), { recursive: true });
  writeFileSync(path.join(toolkit, 'include/cublasLt.h'), '');
  standInNvcc(toolkit, {
    otherwise:
      'echo "host_config.h:166:2: error: #error -- unsupported GNU version! gcc versions later than 15 are not ' +
      'supported!" >&2; exit 1',
  });
  refused(
    /nvcc does not compile with .* and nvcc's own: host_config.*unsupported GNU version! gcc versions.*cuda_check\.log/,
  );
  t.false(existsSync(path.join(folder, 'build/Release')));
  t.is(tried({ CHEEMS_CUDA: 'ON' }).status, 1);
  t.deepEqual(tried({}, '-DCHEEMS_CUDA=OFF'), { status: 0, said: '' });
  t.deepEqual(tried({ CHEEMS_CUDA: 'OFF' }), { status: 0, said: '' });
});

withToolkit(
  'with a real toolkit: a V100 in the machine is left out, and a kernel that does not compile is a sentence',
  (t) => {
    const folder = checkout(t);
    program(path.join(folder, 'tools'), 'nvidia-smi', 'echo 7.0');
    // It compiles one kernel wrongly, and makes empty objects of the rest.
    const nvcc = program(
      path.join(folder, 'bin'),
      'nvcc',
      'case "$*" in',
      '  *rmsnorm*) echo "native/ops/rmsnorm/cuda.cu(12): error: identifier \\"no_such\\" is undefined" >&2; exit 1 ;;',
      '  *native/ops*.cu*) while [ $# -gt 1 ]; do [ "$1" != -o ] || : >"$2"; shift; done ;;',
      `  *) exec "${realNvcc}" "$@" ;;`,
      'esac',
    );
    const { status, said } = buildCuda(folder, { CUDACXX: nvcc });
    t.is(status, 0, said);
    t.regex(said, /compute capability 7\.0, below the 8\.0/);
    t.regex(said, /its backend is built too, for sm_80 PTX 8\.0/);
    t.regex(
      said,
      /not built: its compilation failed, see .*build\.log\. It says: native\/ops\/rmsnorm\/cuda\.cu\(12\): error: identifier/,
    );
  },
);

withToolkit(
  'with a real toolkit: the plug-in lies beside the addon, and info tells what it is and what is missing',
  (t) => {
    t.true(
      existsSync(path.join(root, 'build/Release/libcheems_cuda.so')),
      'node scripts/build/build_addon.cjs builds it',
    );
    const { CHEEMS_DEVICE, ...environment } = process.env;
    const output = execFileSync(process.execPath, [path.join(root, 'dist/cli/main.js'), 'info', '--json'], {
      encoding: 'utf8',
      env: environment,
    });
    const { engine } = JSON.parse(output) as { engine: import('../engine/types.generated').EngineInfo };
    t.is(engine.cuda.version, JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version);
    t.regex(engine.cuda.images ?? '', /^(sm_\d+ )+PTX 8\.0$/);
    t.regex(engine.cuda.toolkit ?? '', /^CUDA 1[23]\.\d+$/);
    t.is(engine.cuda.file, path.join(root, 'build/Release/libcheems_cuda.so'));
    if (existsSync('/proc/driver/nvidia/version')) return;
    t.is(engine.cuda.driver, undefined);
    t.regex(engine.cuda.missing.join('\n'), /No NVIDIA driver is installed/);
    t.regex(engine.backends.find(({ name }) => name === 'cuda')?.detail ?? '', /no NVIDIA driver is installed/);
  },
);
