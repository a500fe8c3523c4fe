// What publishers do in JavaScript with the requests of the schemes, by the code that
// the networks document and by what is common. A receiver that other ones than the
// network's sample make has the name by which warnings speak of it.
// One line of JSON in, {"scheme", "url", "headers", "body", "secret"}; one out.
const { createHash, createHmac } = require('node:crypto');
const lines = require('node:readline').createInterface({ input: process.stdin });

const hmac = (hash, text, secret, encoding = 'hex') => createHmac(hash, secret).update(text).digest(encoding);
const digest = (hash, text) => createHash(hash).update(text).digest('hex');
const query = (url) => new URL(url).searchParams;
const header = (headers, name) => headers[Object.keys(headers).find((key) => key.toLowerCase() === name)];
const cut = (url, name) => url.split(`&${name}=`)[0];

// without is the URL after a parameter was deleted, which writes the others anew.
const without = (url, name) => {
  const made = new URL(url);
  made.searchParams.delete(name);
  return made.href;
};

const sortDeep = (value) => {
  if (Array.isArray(value)) return value.map(sortDeep);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sortDeep(value[name])]));
};

// sortObject is the newest sample of NOWPayments.
const sortObject = (object) => Object.keys(object).sort().reduce((result, key) => {
  result[key] = object[key] && typeof object[key] === 'object' ? sortObject(object[key]) : object[key];
  return result;
}, {});

const signedURL = (hash, name) => ({ url, secret }) => {
  const signature = query(url).get(name);
  return {
    sample: hmac(hash, cut(url, name), secret) === signature,
    'new URL()': hmac(hash, cut(new URL(url).href, name), secret) === signature,
    searchParams: hmac(hash, without(url, name), secret) === signature,
  };
};

const receivers = {
  bitlabs: signedURL('sha1', 'hash'),
  'adgem-get': signedURL('sha256', 'verifier'),
  'theorem-reach': ({ url, secret }) => {
    const signature = query(url).get('hash');
    return {
      sample: hmac('sha1', cut(url, 'hash'), secret, 'base64url') === signature,
      'new URL()': hmac('sha1', cut(new URL(url).href, 'hash'), secret, 'base64url') === signature,
      searchParams: hmac('sha1', without(url, 'hash'), secret, 'base64url') === signature,
    };
  },
  'ayet-studios': ({ url, headers, secret }) => {
    const sorted = [...query(url).entries()].sort(([a], [b]) => a.localeCompare(b));
    return { localeCompare: hmac('sha256', new URLSearchParams(sorted).toString(), secret) === header(headers, 'x-ayetstudios-security-hash') };
  },
  nowpayments: ({ headers, body, secret }) => {
    const sent = header(headers, 'x-nowpayments-sig');
    const data = JSON.parse(body);
    return {
      'deep sort': hmac('sha512', JSON.stringify(sortDeep(data)), secret) === sent,
      sortObject: hmac('sha512', JSON.stringify(sortObject(data)), secret) === sent,
      'JSON.stringify with a list of names': hmac('sha512', JSON.stringify(data, Object.keys(data).sort()), secret) === sent,
    };
  },
  cryptomus: ({ body, secret }) => {
    const { sign, ...data } = JSON.parse(body);
    const text = JSON.stringify(data).replace(/\//g, '\\/');
    return { 'JSON.stringify': digest('md5', Buffer.from(text).toString('base64') + secret) === sign };
  },
  simpleswap: ({ body, secret }) => {
    const data = JSON.parse(body);
    return { sample: digest('sha1', [data.messageId, data.publicId, data.status, secret].join('_')) === data.verifyToken };
  },
  adgem: ({ headers, body, secret }) => ({ sample: hmac('sha256', body, secret) === header(headers, 'signature') }),
  lootably: ({ url, secret }) => {
    const get = query(url);
    return { sample: digest('sha256', get.get('userID') + get.get('ip') + get.get('revenue') + get.get('currencyReward') + secret) === get.get('hash') };
  },
  'cpx-research': ({ url, secret }) => ({ sample: digest('md5', `${query(url).get('trans_id')}-${secret}`) === query(url).get('secure_hash') }),
  notik: signedURL('sha1', 'hash'),
  offertoro: ({ url, secret }) => ({ sample: digest('md5', `${query(url).get('oid')}-${query(url).get('user_id')}-${secret}`) === query(url).get('sig') }),
  timewall: ({ url, secret }) => ({ sample: digest('sha256', query(url).get('userID') + query(url).get('revenue') + secret) === query(url).get('hash') }),
  dub: ({ headers, body, secret }) => ({ sample: hmac('sha256', body, secret) === header(headers, 'dub-signature') }),
  paystack: ({ headers, body, secret }) => ({ sample: hmac('sha512', body, secret) === header(headers, 'x-paystack-signature') }),
  oxapay: ({ headers, body, secret }) => ({ sample: hmac('sha512', body, secret) === header(headers, 'hmac') }),
  'stripe-style': ({ headers, body, secret }) => {
    const items = header(headers, 'stripe-signature').split(',').map((item) => item.split('='));
    const time = items.find(([name]) => name === 't')[1];
    const made = hmac('sha256', `${time}.${body}`, secret);
    return { sample: items.some(([name, value]) => name === 'v1' && value === made) };
  },
  'standard-webhooks': ({ headers, body, secret }) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const text = `${header(headers, 'webhook-id')}.${header(headers, 'webhook-timestamp')}.${body}`;
    return { sample: header(headers, 'webhook-signature').split(' ').includes(`v1,${hmac('sha256', text, key, 'base64')}`) };
  },
};

lines.on('line', (line) => {
  const request = JSON.parse(line);
  const receive = receivers[request.scheme];
  console.log(JSON.stringify({ verdicts: receive ? receive(request) : {} }));
});
