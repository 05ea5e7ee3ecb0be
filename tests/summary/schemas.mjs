// The published schemas compile in a strict validator, and every report of every run in runs.mjs, every index of sealed
// evidence and every SARIF log is valid: node schemas.mjs.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Ajv04 from 'ajv-draft-04';
import { binary, runAll } from './runs.mjs';

// Formats are in another package; that each is one of the standard's, a test in Rust sees to.
const ajv = new Ajv2020({ allErrors: true, validateFormats: false });
const schemas = Object.fromEntries(['report', 'evidence', 'config'].map((of) => [of, JSON.parse(execFileSync(binary, ['schema', of]))]));
const valid = Object.fromEntries(Object.entries(schemas).map(([of, schema]) => [of, ajv.compile(schema)]));
for (const [of, schema] of Object.entries(schemas)) {
    if (!schema.$id?.startsWith('https://')) throw new Error(`the schema of ${of} has no $id`);
}
// The schema that GitHub's documentation names for SARIF 2.1.0, as Microsoft's package has it.
const ofSarif = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
valid.sarif = new Ajv04({ allErrors: true, strict: false, unicodeRegExp: false, validateFormats: false }).compile(JSON.parse(fs.readFileSync(ofSarif)));

const counts = { report: 0, evidence: 0, sarif: 0 };
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
            else if (entry.endsWith('.sarif')) check('sarif', path.join(workspace, entry));
            else if (/(^|\/)reports\/[^/]*\.json$|\.rehearse\.json$/.test(entry)) check('report', path.join(workspace, entry));
        }
    }
} finally {
    fs.rmSync(folder, { recursive: true });
}
// What could not be wrong was not checked.
if (Object.values(counts).includes(0)) throw new Error(`nothing to check: ${JSON.stringify(counts)}`);
if (valid.report({ schema: 'stageproof.report/v1' })) throw new Error('the schema takes a report without checks');
if (valid.sarif({ version: '2.1.0', runs: [{}] })) throw new Error('the schema takes a SARIF run without a tool');
console.log(`${counts.report} reports, ${counts.evidence} indexes and ${counts.sarif} SARIF logs are valid`);
