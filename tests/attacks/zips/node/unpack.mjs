// Unpacks zips with the two libraries that GitHub's own actions have used, which read a zip from its end and as it comes:
// node unpack.mjs LIBRARY ZIP FOLDER [ZIP FOLDER...]
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import unzip from 'unzip-stream';
import yauzl from 'yauzl';

const put = async (stream, to, name) => {
    const file = path.join(to, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    await pipeline(stream, fs.createWriteStream(file));
};
const libraries = {
    yauzl: async (from, to) => {
        const zip = await promisify(yauzl.open)(from, { lazyEntries: true, strictFileNames: true });
        await new Promise((done, failed) => {
            zip.on('entry', (entry) =>
                promisify(zip.openReadStream.bind(zip))(entry)
                    .then((stream) => put(stream, to, entry.fileName))
                    .then(() => zip.readEntry())
                    .catch(failed));
            zip.on('end', done).on('error', failed);
            zip.readEntry();
        });
    },
    'unzip-stream': async (from, to) => {
        await new Promise((done, failed) => {
            fs.createReadStream(from).pipe(unzip.Extract({ path: to })).on('close', done).on('error', failed);
        });
    },
};
const [library, ...pairs] = process.argv.slice(2);
for (let at = 0; at < pairs.length; at += 2) await libraries[library](pairs[at], pairs[at + 1]);
