// Runs the real binary, as steps of a job would, to every verdict of every command that has a summary to look at.
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const binary = process.env.STAGEPROOF_BINARY ?? path.join(root, 'target/debug/stageproof');
const run = promisify(execFile);

/// Answers as its path says: `/503` with 503, `/slow` in 80 ms, everything else with 200.
async function server() {
    const made = http.createServer((request, response) => {
        const { pathname } = new URL(request.url, 'http://h');
        const status = Number(pathname.slice(1)) || 200;
        const body = status < 400 ? '{"status":"ok","build":"1.4.2"}' : `<h1>${status}</h1>\n<p>upstream <b>shop_web</b> failed | see \`app.log\`</p>`;
        setTimeout(() => response.writeHead(status, { 'content-type': 'text/html' }).end(body), pathname === '/slow' ? 80 : 0);
    });
    await new Promise((done) => made.listen(0, '127.0.0.1', done));
    return { url: `http://127.0.0.1:${made.address().port}`, close: () => made.close() };
}

/// A repository with two releases and a commit behind them.
function repository(folder) {
    const git = (...args) =>
        execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], { cwd: folder, stdio: 'pipe' });
    git('init', '-q', '-b', 'main');
    for (const version of ['v1.4.0', 'v1.4.1', '']) {
        fs.writeFileSync(path.join(folder, 'app'), version);
        git('add', 'app');
        git('commit', '-qm', version || 'next');
        if (version) git('tag', version);
    }
}

const waivers = (what) => `waivers:
  - ${what}
    reason: the balancer is being replaced, OPS-12
    until: 2999-12-31
`;
const rehearsal = (guard, url, rollback = 'exit 0') => `version: 1
skip-guard:
  require: [${guard}]
smoke:
  url: ${url}
  within: 1s
  interval: 100ms
rollback-dry-run:
  check: sh -c '${rollback}'
  rollback-command: deploy --app shop --release previous
evidence-bundle:
  files: [app]
`;
const fast = ['--within=1s', '--interval=100ms'];

const workflow = (inputs) => `on: push
jobs:
  prove:
    runs-on: ubuntu-latest
    steps:
      - uses: stageproof/stageproof@0123456789abcdef0123456789abcdef01234567
        with: {${inputs}}
`;
const sarif = ['check', '--sarif=stageproof.sarif'];

/// Name, steps (each the arguments of one command), configuration, workflow. `{url}` is the server's.
const jobs = [
    ['smoke-pass', [['smoke', '{url}', '--path=/', '--path=/healthz', '--path=/api/v1/orders?limit=5', '--expect-body=ok', ...fast]]],
    ['smoke-window', [['smoke', '{url}/slow', '--steady=6s', '--interval=200ms']]],
    ['smoke-pass-weak', [['smoke', '{url}', '--path=/', '--path=/503', '--warn-latency=p95=1ms', ...fast]], `version: 1\n${waivers("check: 'smoke:{url}/503'")}`],
    ['smoke-fail', [['smoke', '{url}', '--path=/', '--path=/500', '--path=/503', '--expect-json=/status = ok', '--expect-json=/build = 1.4.3', ...fast]]],
    ['smoke-fail-many', [['smoke', '{url}', ...Array.from({ length: 14 }, (_, n) => `--path=/${500 + n}`), ...fast]]],
    ['smoke-inconclusive', [['smoke', '{url}/slow', '--watch=20s', '--all-within=700ms']]],
    ['skip-guard-pass', [['skip-guard', '--require=env:DEPLOY_TOKEN', '--require=not-fork', '--require=file:app']]],
    ['skip-guard-skip-port', [['skip-guard', '--require=env:DEPLOY_TOKEN', '--require=tcp:127.0.0.1:1']]],
    ['skip-guard-skip', [['skip-guard', '--require=env:FLY_API_TOKEN', '--require=group:AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY', '--require=not-fork']]],
    ['skip-guard-skip-expected', [['skip-guard', '--require=event:schedule']]],
    ['skip-guard-fail', [['skip-guard', '--strict', '--require=env:FLY_API_TOKEN', '--require=file:deploy/staging.tfvars']]],
    ['skip-guard-inconclusive', [['skip-guard', '--require=environment:staging', '--require=env:DEPLOY_TOKEN']]],
    ['rollback-pass', [['rollback-dry-run']]],
    ['rollback-fail', [['rollback-dry-run', '--ref=v9.9.9']]],
    ['rollback-inconclusive', [['rollback-dry-run', '--check=no-such-program --really', '--rollback-command=deploy previous']]],
    ['rollback-command-fail', [['rollback-dry-run', "--check=sh -c 'echo no image shop:1.4.1 in the registry; exit 3'", '--rollback-command=deploy previous']]],
    ['rehearse-pass', [['rehearse']], rehearsal("not-fork, 'file:app'", '{url}')],
    ['rehearse-pass-weak', [['rehearse']], rehearsal('not-fork', '{url}/503') + waivers("class: app")],
    ['rehearse-fail', [['rehearse']], rehearsal('not-fork', '{url}/500', 'echo no image shop:1.4.1; exit 1')],
    ['rehearse-skip', [['rehearse']], rehearsal("'env:FLY_API_TOKEN'", '{url}')],
    ['rehearse-inconclusive', [['rehearse']], rehearsal('not-fork', '{url}').replace(/check: .*/, 'check: no-such-program')],
    ['verdict-pass', [['smoke', '{url}', ...fast], ['rollback-dry-run'], ['verdict', '--require=smoke', '--require=rollback-dry-run']]],
    ['verdict-pass-weak', [['smoke', '{url}/503', ...fast], ['rollback-dry-run'], ['verdict', '--require=smoke']], `version: 1\n${waivers('class: app')}`],
    ['verdict-fail', [['smoke', '{url}/500', ...fast], ['skip-guard', '--require=env:FLY_API_TOKEN'], ['verdict', '--require=smoke', '--require=rollback-dry-run']]],
    ['verdict-skip', [['skip-guard', '--require=env:FLY_API_TOKEN'], ['verdict', '--require=skip-guard']]],
    ['verdict-inconclusive', [['smoke', '{url}/slow', '--watch=20s', '--all-within=500ms'], ['verdict', '--require=smoke']]],
    ['heartbeat-pass', [['heartbeat', '--', 'sh', '-c', 'echo done']]],
    ['heartbeat-fail', [['heartbeat', '--retries=2', '--', 'sh', '-c', 'echo "npm ERR! code E404"; sleep 1; exit 3']]],
    ['evidence-bundle', [['evidence-bundle', '--evidence-dir=evidence', 'app']]],
    ['verify', [['evidence-bundle', '--evidence-dir=evidence', 'app'], ['verify', 'evidence']]],
    ['merge', [
        ['smoke', '{url}', ...fast, '--label=eu', '--evidence-dir=eu'], ['evidence-bundle', '--evidence-dir=eu'],
        ['merge', 'eu.zip', '--expect=eu', '--expect=us', '--evidence-dir=all'],
    ]],
    ['foreground-proof', [
        ['heartbeat', '--evidence-dir=evidence', '--', 'true'],
        ['foreground-proof', '--evidence-dir=evidence', '--log=evidence/logs/heartbeat.log'],
    ]],
    ['install', [['install', '--to=bin']]],
    ['init', [['init', '--pin=0123456789abcdef0123456789abcdef01234567']]],
    ['check-pass', [sarif], 'version: 1\n', workflow("command: smoke, url: 'https://staging.example.com'")],
    ['check-fail', [sarif], 'version: 1\nsmoke:\n  withn: 3s\n', workflow("command: smoke, url: 'http://localhost:8080', within: 30, reqire: not-fork")],
    ['scan-pass', [['scan', 'app']]],
    ['scan-fail', [
        // In two halves, as this file is none that holds a secret.
        ['heartbeat', '--', 'sh', '-c', 'printf "key %s%s\\n" AKIA QWERTYUIOPASDFGH > x.log; exit 0'],
        ['scan', 'x.log'],
    ]],
    ['diagnose', [
        ['heartbeat', '--', 'sh', '-c', 'echo "Error: Cannot find module \'express\'" > x.log; echo "##[error]Process completed with exit code 1." >> x.log'],
        ['diagnose', '--log=x.log'],
    ]],
    ['check-inconclusive', [[...sarif, 'no-such.yml']]],
    ['job', [
        ['skip-guard', '--require=env:DEPLOY_TOKEN', '--require=not-fork'],
        ['heartbeat', '--', 'sh', '-c', 'echo deployed'],
        ['smoke', '{url}', '--path=/', '--path=/healthz', ...fast],
        ['rollback-dry-run'],
        ['verdict', '--require=smoke', '--require=rollback-dry-run'],
        ['evidence-bundle'],
    ]],
];

/// Runs them below `folder`. Each answer: its name, its summary (of the last step; of all, for the whole job), its evidence.
export async function runAll(folder, wanted = /./) {
    const { url, close } = await server();
    const answers = [];
    for (const [name, steps, config, deploy] of jobs.filter(([name]) => wanted.test(name))) {
        const workspace = fs.mkdtempSync(path.join(folder, `${name}.`));
        repository(workspace);
        const put = (file, text) => {
            fs.mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true });
            fs.writeFileSync(path.join(workspace, file), text);
            return path.join(workspace, file);
        };
        if (config) put('.github/stageproof.yml', config.replaceAll('{url}', url));
        if (deploy) put('.github/workflows/deploy.yml', deploy);
        let summary = '';
        for (const args of steps) {
            const runner = {
                GITHUB_ACTIONS: 'true', GITHUB_EVENT_NAME: 'push', GITHUB_REPOSITORY: 'acme/shop', GITHUB_REF: 'refs/heads/main',
                GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567', GITHUB_RUN_ID: '77', GITHUB_RUN_ATTEMPT: '1', GITHUB_JOB: 'deploy',
                GITHUB_EVENT_PATH: put('.git/runner/event.json', '{"repository":{"fork":false}}'),
                GITHUB_STEP_SUMMARY: put('.git/runner/summary', ''), GITHUB_OUTPUT: put('.git/runner/output', ''),
                GITHUB_PATH: put('.git/runner/path', ''),
            };
            const env = { PATH: process.env.PATH, HOME: os.homedir(), DEPLOY_TOKEN: 'a-token-of-the-tests', ...runner };
            const filled = args.map((arg) => arg.replaceAll('{url}', url));
            await run(binary, filled, { cwd: workspace, env }).catch((error) => {
                // 2 is a usage error: then this file is wrong.
                if (typeof error.code !== 'number' || error.code === 2) throw error;
            });
            const text = fs.readFileSync(runner.GITHUB_STEP_SUMMARY, 'utf8');
            summary = name === 'job' ? summary + text : text;
        }
        answers.push({ name, summary, workspace });
    }
    close();
    return answers;
}
