// What publishers do with bitlabs and simpleswap requests in JavaScript.
// One line of JSON in, {"url", "body", "secret"}; one line out.
const { createHash, createHmac } = require('node:crypto');
const lines = require('node:readline').createInterface({ input: process.stdin });

function bitlabs({ url, secret }) {
  const [signed, hash] = url.split('&hash=');
  const values = Object.fromEntries(new URL(url).searchParams);
  delete values.hash;
  return { valid: createHmac('sha1', secret).update(signed).digest('hex') === hash, values };
}

function simpleswap({ body, secret }) {
  const { messageId, publicId, status, verifyToken } = JSON.parse(body);
  const text = `${messageId}_${publicId}_${status}_${secret}`;
  return { valid: createHash('sha1').update(text).digest('hex') === verifyToken, values: { publicId, status } };
}

lines.on('line', (line) => {
  const request = JSON.parse(line);
  console.log(JSON.stringify(request.body ? simpleswap(request) : bitlabs(request)));
});
