// The error messages for model folders without a usable tokenizer.json.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readTokenizerFiles } from './tokenizer_files';

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tokenizer-files-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const REMEDY = /AutoTokenizer\.from_pretrained\(FOLDER, use_fast=True\)\.save_pretrained\(FOLDER\)/;

test('another form of tokenizer is named, with the lines that write tokenizer.json from it', (t) => {
  const forms: [Record<string, string>, RegExp][] = [
    [{ 'tokenizer.model': '' }, /no tokenizer\.json, but a SentencePiece model, tokenizer\.model\./],
    [{ 'spiece.model': '' }, /a SentencePiece model, spiece\.model\./],
    [{ 'spm.model': '', 'added_tokens.json': '{}' }, /a SentencePiece model, spm\.model\./],
    [
      { 'qwen.tiktoken': '', 'tokenization_qwen.py': '' },
      /a tokenizer of tiktoken, qwen\.tiktoken\..*trust_remote_code=True/,
    ],
    [{ 'vocab.json': '{}', 'merges.txt': '' }, /merges of a BPE tokenizer, merges\.txt\./],
    [{ 'vocab.txt': '' }, /vocabulary of a WordPiece tokenizer, vocab\.txt\./],
  ];
  for (const [files, said] of forms) {
    const error = t.throws(() => readTokenizerFiles(folderOf(files)), { name: 'TokenizerError', message: said });
    t.regex(error.message, REMEDY);
  }
  t.throws(() => readTokenizerFiles(folderOf({ 'config.json': '{}' })), {
    message: /no tokenizer\.json\. Texts cannot/,
  });
  t.throws(() => readTokenizerFiles(join(folderOf({}), 'nowhere')), {
    message: /nowhere does not exist: check the path/,
  });
});

test('pointers, web pages and empty files are told as what they are', (t) => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n';
  const whole = { 'tokenizer.json': '{}', 'tokenizer_config.json': '{}' };
  const cases: [Record<string, string>, RegExp][] = [
    [{ 'tokenizer.json': pointer }, /tokenizer\.json is only a Git LFS pointer .*`git lfs pull`/],
    [{ 'tokenizer.json': '<!DOCTYPE html><html>' }, /tokenizer\.json is a web page/],
    [{ 'tokenizer.json': '' }, /tokenizer\.json is empty: download it again/],
    [{ ...whole, 'tokenizer_config.json': pointer }, /tokenizer_config\.json is only a Git LFS pointer/],
    [{ ...whole, 'special_tokens_map.json': pointer }, /special_tokens_map\.json is only a Git LFS pointer/],
    [{ ...whole, 'chat_template.jinja': pointer }, /chat_template\.jinja is only a Git LFS pointer/],
    [{ 'tokenizer.json': '{"a": }' }, /tokenizer\.json is not valid JSON/],
  ];
  for (const [files, message] of cases)
    t.throws(() => readTokenizerFiles(folderOf(files)), { name: 'TokenizerError', message });
});

test("Python's numbers and a byte-order mark are read", (t) => {
  const config = '\ufeff{"model_max_length": Infinity, "note": "NaN \\"NaN", "x": [-Infinity, NaN]}';
  const files = readTokenizerFiles(folderOf({ 'tokenizer.json': '{}', 'tokenizer_config.json': config }));
  t.deepEqual(files.config, { model_max_length: 'Infinity', note: 'NaN "NaN', x: ['-Infinity', 'NaN'] });
});
