// A receiver that leaves the verification to the library that LIBRARY names.
const { createServer } = require('node:http');
const { Webhook } = require(process.env.LIBRARY);
const { accept } = require('./accept.js');

const webhook = new Webhook(process.env.POSTBACK_SECRET);

createServer(async (request, response) => {
  try {
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += chunk;
    let values;
    try {
      values = webhook.verify(body, request.headers);
    } catch {
      return response.writeHead(403).end();
    }
    accept(values);
    response.writeHead(200).end();
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(process.env.PORT, process.env.HOST);
