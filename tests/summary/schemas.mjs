// The published schemas compile in a strict validator, and every report of every run in runs.mjs, and every index of sealed
// evidence, is valid: node schemas.mjs.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { binary, runAll } from './runs.mjs';

// Formats are in another package; that each is one of the standard's, a test in Rust sees to.
const ajv = new Ajv2020({ allErrors: true, validateFormats: false });
const schemas = Object.fromEntries(['report', 'evidence', 'config'].map((of) => [of, JSON.parse(execFileSync(binary, ['schema', of]))]));
const valid = Object.fromEntries(Object.entries(schemas).map(([of, schema]) => [of, ajv.compile(schema)]));
for (const [of, schema] of Object.entries(schemas)) {
    if (!schema.$id?.startsWith('https://')) throw new Error(`the schema of ${of} has no $id`);
}

const counts = { report: 0, evidence: 0 };
const check = (of, file) => {
    counts[of] += 1;
    if (valid[of](JSON.parse(fs.readFileSync(file, 'utf8')))) return;
    console.log(`${file}: ${ajv.errorsText(valid[of].errors)}`);
    process.exitCode = 1;
};
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stageproof-schemas-'));
try {
    for (const { workspace } of await runAll(folder)) {
        for (const entry of fs.readdirSync(workspace, { recursive: true })) {
            if (entry.endsWith('/evidence.json')) check('evidence', path.join(workspace, entry));
            else if (/(^|\/)reports\/[^/]*\.json$|\.rehearse\.json$/.test(entry)) check('report', path.join(workspace, entry));
        }
    }
} finally {
    fs.rmSync(folder, { recursive: true });
}
// What could not be wrong was not checked.
if (Object.values(counts).includes(0)) throw new Error(`nothing to check: ${JSON.stringify(counts)}`);
if (valid.report({ schema: 'stageproof.report/v1' })) throw new Error('the schema takes a report without checks');
console.log(`${counts.report} reports and ${counts.evidence} indexes are valid`);
