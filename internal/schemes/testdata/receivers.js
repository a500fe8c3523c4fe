// What publishers do in JavaScript with the requests of the shipped
// declarations, by the code that the networks document.
// One line of JSON in, {"scheme", "url", "headers", "body", "secret"}; one out.
const { createHmac } = require('node:crypto');
const lines = require('node:readline').createInterface({ input: process.stdin });

const sortObject = (value) => {
  if (Array.isArray(value)) return value.map(sortObject);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sortObject(value[name])]));
};

const receivers = {
  nowpayments: ({ headers, body, secret }) =>
    createHmac('sha512', secret).update(JSON.stringify(sortObject(JSON.parse(body)))).digest('hex') === headers['X-Nowpayments-Sig'],
  'stripe-style': ({ headers, body, secret }) => {
    const items = headers['Stripe-Signature'].split(',').map((item) => item.split('='));
    const time = items.find(([name]) => name === 't')[1];
    const made = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
    return items.some(([name, value]) => name === 'v1' && value === made);
  },
  'standard-webhooks': ({ headers, body, secret }) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const text = `${headers['Webhook-Id']}.${headers['Webhook-Timestamp']}.${body}`;
    const made = createHmac('sha256', key).update(text).digest('base64');
    return headers['Webhook-Signature'].split(' ').includes(`v1,${made}`);
  },
};

lines.on('line', (line) => {
  const request = JSON.parse(line);
  console.log(JSON.stringify({ valid: receivers[request.scheme](request) }));
});
