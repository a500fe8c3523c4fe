// What publishers write in JavaScript: bitlabs split at "&hash=" as the network
// publishes it, besitos with its last parameter removed, simpleswap.
const { createHash, createHmac } = require('node:crypto');
const { createServer } = require('node:http');
const { accept } = require('./accept.js');

const secret = process.env.POSTBACK_SECRET;

function bitlabs(url) {
  const [signed, hash] = url.split('&hash=');
  return createHmac('sha1', secret).update(signed).digest('hex') === hash;
}

function besitos(url) {
  const verifier = new URL(url).searchParams.get('verifier');
  const signed = url.replace(/&verifier=[^&]*/, '');
  return createHmac('sha256', secret).update(signed).digest('hex') === verifier;
}

function simpleswap({ messageId, publicId, status, verifyToken }) {
  const text = [messageId, publicId, status, secret].join('_');
  return createHash('sha1').update(text, 'utf8').digest('hex') === verifyToken;
}

async function receive(request) {
  const url = 'http://' + request.headers.host + request.url;
  if (request.method === 'POST') {
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += chunk;
    const values = JSON.parse(body);
    return simpleswap(values) && values;
  }
  const called = request.url.startsWith('/bitlabs');
  const values = Object.fromEntries(new URL(url).searchParams);
  delete values[called ? 'hash' : 'verifier'];
  return (called ? bitlabs(url) : besitos(url)) && values;
}

createServer(async (request, response) => {
  try {
    const values = await receive(request);
    if (values) accept(values);
    response.writeHead(values ? 200 : 403).end();
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(process.env.PORT, process.env.HOST);
