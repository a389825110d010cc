// scripts/setup_cuda.sh with a stand-in nvidia-smi, python3 and pip: which wheels it asks for, and what it makes of
// them.
import test, { type ExecutionContext } from 'ava';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(__dirname, '../..');

function program(file: string, ...lines: string[]): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
}

const nvccOf = (release: string) => `echo "Cuda compilation tools, release ${release}, V${release}.1"`;

interface Machine {
  /** What nvidia-smi prints; undefined: there is none. */
  smi?: string;
  smiStatus?: number;
  /** The release of the nvcc on the PATH. */
  nvcc?: string;
}

/** Runs the script in a checkout of its own. */
function setUp(t: ExecutionContext, { smi, smiStatus = 0, nvcc }: Machine, ...args: string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'cheems-setup-cuda-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(path.join(root, 'scripts/setup_cuda.sh'), path.join(folder, 'scripts/setup_cuda.sh'));
  const bin = path.join(folder, 'bin');
  const packages = path.join(folder, 'packages');
  const asked = path.join(folder, 'asked');
  const cu13 = `${packages}/nvidia/cu13`;
  const cublas = `${packages}/nvidia/cublas`;
  program(
    path.join(bin, 'python3'),
    'mkdir -p "$3/bin"',
    `printf '#!/bin/sh\\necho ${packages}\\n' >"$3/bin/python"`,
    `cp ${bin}/stand-in-pip "$3/bin/pip"`,
    'chmod +x "$3/bin/python"',
  );
  program(
    path.join(bin, 'stand-in-pip'),
    `for word; do case $word in nvidia-*) echo "$word" >>${asked} ;; esac; done`,
    'case "$*" in',
    `  *cu12*) mkdir -p ${cublas}/include ${cublas}/lib; : >${cublas}/lib/libcublasLt.so.12 ;;`,
    `  *) mkdir -p ${cu13}/bin ${cu13}/lib; : >${cu13}/lib/libcublasLt.so.13; cp ${bin}/nvcc-13 ${cu13}/bin/nvcc ;;`,
    'esac',
  );
  program(path.join(bin, 'nvcc-13'), nvccOf('13.0'));
  if (smi !== undefined) program(path.join(bin, 'nvidia-smi'), `cat <<'END'\n${smi}\nEND`, `exit ${smiStatus}`);
  else program(path.join(bin, 'nvidia-smi'), 'exit 127');
  if (nvcc !== undefined) program(path.join(bin, 'nvcc'), nvccOf(nvcc));
  else program(path.join(bin, 'nvcc'), 'exit 127');
  const { CUDACXX, CUDA_PATH, CUDA_HOME, CHEEMS_CUDA_VERSION, ...environment } = process.env;
  const { status, stdout, stderr } = spawnSync('bash', [path.join(folder, 'scripts/setup_cuda.sh'), ...args], {
    encoding: 'utf8',
    env: { ...environment, PATH: `${bin}:${process.env.PATH}` },
  });
  let wheels: string[] = [];
  try {
    wheels = readFileSync(asked, 'utf8').trim().split('\n');
  } catch {
    // None was asked for.
  }
  return { status, said: stdout + stderr, wheels, toolkit: path.join(folder, 'build/cuda-toolkit') };
}

const table = (version: string) =>
  `| NVIDIA-SMI 580.65.06    Driver Version: 580.65.06    CUDA Version: ${version}     |`;

test('without a driver, and with one of CUDA 13 or newer, the wheels of version 13 are fetched', (t) => {
  for (const machine of [
    {},
    { smi: table('13.0') },
    { smi: table('14.1') },
    { smi: 'NVIDIA-SMI has failed', smiStatus: 9 },
  ]) {
    const { status, said, wheels, toolkit } = setUp(t, machine);
    t.is(status, 0, said);
    t.true(
      wheels.includes('nvidia-cuda-nvcc==13.0.*') &&
        wheels.includes('nvidia-cublas==13.*') &&
        wheels.includes('nvidia-nvtx==13.*'),
      wheels.join(),
    );
    t.is(readlinkSync(path.join(toolkit, 'lib/libcublasLt.so')), 'libcublasLt.so.13');
  }
  t.regex(setUp(t, {}).said, /CUDA 13: no driver is here\./);
});

test('a driver of CUDA 12 gets cuBLAS of version 12 beside an nvcc of version 12, which no wheel holds', (t) => {
  if (readdirSync('/usr/local').some((name) => name.startsWith('cuda')))
    return t.pass('this machine has a toolkit where the script finds it');
  const without = setUp(t, { smi: table('12.8') });
  t.is(without.status, 1);
  t.deepEqual(without.wheels, []);
  t.regex(
    without.said,
    /The driver here runs CUDA 12\.8\. NVIDIA's wheels of version 12 hold no nvcc.*cuda-nvcc-12-9.*driver to 580/,
  );
  // Too old, and of another version.
  for (const nvcc of ['12.4', '13.0', '11.8']) t.is(setUp(t, { smi: table('12.8'), nvcc }).status, 1);
  const { status, said, wheels, toolkit } = setUp(t, { smi: table('12.8'), nvcc: '12.8' });
  t.is(status, 0, said);
  t.deepEqual(wheels, ['nvidia-cublas-cu12==12.*', 'nvidia-nvtx-cu12==12.*']);
  t.is(readlinkSync(path.join(toolkit, 'lib64/libcublasLt.so')), 'libcublasLt.so.12');
  t.regex(spawnSync(path.join(toolkit, 'bin/nvcc'), ['--version'], { encoding: 'utf8' }).stdout, /release 12\.8/);
});

test('the version can be forced; a driver that cannot run it is told, and one that is too old for both', (t) => {
  const forced = setUp(t, { smi: table('12.4') }, '--cuda', '13');
  t.is(forced.status, 0, forced.said);
  t.true(forced.wheels.includes('nvidia-cuda-nvcc==13.0.*'));
  t.regex(forced.said, /driver runs CUDA 12\.4: what a toolkit of version 13 compiles will not run here/);
  t.deepEqual(setUp(t, { nvcc: '12.9' }, '--cuda=12', '--without-cublas').wheels, []);
  t.is(setUp(t, {}, '--cuda', '11').status, 2);
  t.regex(
    setUp(t, { smi: table('11.8') }).said,
    /driver runs CUDA 11\.8, and the kernels need 12 or 13: update the driver/,
  );
});
