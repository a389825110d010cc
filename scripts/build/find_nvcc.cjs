// Finds the CUDA compiler in the same places as native/backends/cuda/CMakeLists.txt: the one that the environment
// names, the PATH, the folders of a toolkit.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '../..');

/** The file of nvcc, or undefined. */
function findNvcc() {
  if (process.env.CUDACXX) return process.env.CUDACXX;
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  for (const toolkit of [
    process.env.CUDA_PATH,
    process.env.CUDA_HOME,
    path.join(root, 'build/cuda-toolkit'),
    '/usr/local/cuda',
  ]) {
    if (toolkit) folders.push(path.join(toolkit, 'bin'));
  }
  return folders.map((folder) => path.join(folder, 'nvcc')).find((file) => fs.existsSync(file));
}

module.exports = { findNvcc };
