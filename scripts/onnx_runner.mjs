// node onnx_runner.mjs RUNTIME_FOLDER (MODEL OBSERVATIONS Q SHAPE)...
//
// Runs ONNX models with ONNX Runtime, installed in RUNTIME_FOLDER: reads float32 observations of
// SHAPE ("4,10,10"), one after the other, and writes the float32 Q-values of each to Q.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const kBatch = 64; // the last one is smaller: the models' batch size is free

const [folder, ...jobs] = process.argv.slice(2);
if (!folder || jobs.length === 0 || jobs.length % 4 !== 0) {
  console.error('usage: onnx_runner.mjs RUNTIME_FOLDER (MODEL OBSERVATIONS Q SHAPE)...');
  process.exit(2);
}
const ort = createRequire(path.resolve(folder, 'package.json'))('onnxruntime-node');

async function run(model, observations, q, shape) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const bytes = fs.readFileSync(observations);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset,
                                                     bytes.byteOffset + bytes.byteLength));
  const sizes = shape.split(',').map(Number);
  const elements = sizes.reduce((a, b) => a * b, 1);
  const count = values.length / elements;
  if (!Number.isInteger(count)) throw new Error(`${observations}: not observations of ${shape}`);
  const parts = [];
  for (let at = 0; at < count; at += kBatch) {
    const batch = Math.min(kBatch, count - at);
    const part = values.slice(at * elements, (at + batch) * elements);
    const input = new ort.Tensor('float32', part, [batch, ...sizes]);
    const output = (await session.run({ observation: input })).q;
    if (output.dims[0] !== batch) throw new Error(`${model}: q has shape ${output.dims}`);
    parts.push(Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength));
  }
  fs.writeFileSync(q, Buffer.concat(parts));
}

for (let i = 0; i < jobs.length; i += 4) await run(...jobs.slice(i, i + 4));
