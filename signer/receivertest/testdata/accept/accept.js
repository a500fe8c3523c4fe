// Compares what was decoded with the digest of what was sent; see checksum in
// hostile_test.go.
const { createHash } = require('node:crypto');

const apart = new Set(['sum', 'numbers', 'messageId', 'verifyToken']);

exports.accept = function accept(given) {
  const values = given.data !== null && typeof given.data === 'object' ? given.data : given;
  const counted = Object.keys(values)
    .filter((name) => !apart.has(name) && !name.startsWith('static'))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const hash = createHash('sha256');
  for (const name of counted) {
    let value = values[name];
    if (value === null || typeof value === 'boolean') value = String(value);
    if (typeof value === 'string') hash.update(`${Buffer.byteLength(value)}:${name}=${value}\n`);
  }
  if (hash.digest('hex') !== values.sum) throw new Error('the values are not those that were sent');
};
