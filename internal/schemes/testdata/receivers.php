<?php
// What publishers do in PHP with the requests of the schemes, by the code that the
// networks document and by what frameworks do. A receiver that other ones than the
// network's sample make has the name by which warnings speak of it.
// One line of JSON in, {"scheme", "url", "headers", "body", "secret"}; one out.

function parameters(array $r): array
{
    parse_str(parse_url($r['url'], PHP_URL_QUERY) ?? '', $get);
    return $get;
}

// rebuilt is the URL without a parameter, built anew from the decoded ones.
function rebuilt(array $r, string $without, int $encoding, bool $sorted): string
{
    $url = parse_url($r['url']);
    $get = parameters($r);
    unset($get[$without]);
    if ($sorted) {
        ksort($get);
    }
    return "{$url['scheme']}://{$url['host']}{$url['path']}" . ($get ? '?' . http_build_query($get, '', '&', $encoding) : '');
}

// laravel is what fullUrlWithoutQuery makes: no slash at the end, sorted names.
function laravel(array $r, string $without): string
{
    $url = parse_url($r['url']);
    $get = parameters($r);
    unset($get[$without]);
    ksort($get);
    $port = isset($url['port']) ? ":{$url['port']}" : '';
    $path = rtrim(preg_replace('#/+#', '/', $url['path']), '/');
    return "{$url['scheme']}://{$url['host']}$port$path" . ($get ? '?' . http_build_query($get, '', '&', PHP_QUERY_RFC3986) : '');
}

function before(array $r, string $mark): string
{
    return substr($r['url'], 0, strrpos($r['url'], $mark));
}

function header_of(array $r, string $name): string
{
    return array_change_key_case($r['headers'])[$name];
}

function hmac(string $hash, string $text, array $r, string $signature): bool
{
    return hash_equals(hash_hmac($hash, $text, $r['secret']), $signature);
}

function urlsafe(string $text, string $secret): string
{
    return rtrim(strtr(base64_encode(hash_hmac('sha1', $text, $secret, true)), '+/', '-_'), '=');
}

function verdicts(string $scheme, array $r): array
{
    $get = parameters($r);
    $secret = $r['secret'];
    $json = fn () => json_decode($r['body'], true, 512, JSON_THROW_ON_ERROR);
    switch ($scheme) {
        case 'besitos':
        case 'adgem-get':
            return [
                'sample' => hmac('sha256', rebuilt($r, 'verifier', PHP_QUERY_RFC3986, false), $r, $get['verifier']),
                'Laravel' => hmac('sha256', laravel($r, 'verifier'), $r, $get['verifier']),
            ];
        case 'bitlabs':
            return [
                'sample' => hmac('sha1', before($r, str_contains($r['url'], '&hash=') ? '&hash=' : '?hash='), $r, $get['hash']),
                'Laravel' => hmac('sha1', laravel($r, 'hash'), $r, $get['hash']),
            ];
        case 'ayet-studios':
            ksort($get, SORT_STRING);
            return ['sample' => hmac('sha256', http_build_query($get, '', '&'), $r, header_of($r, 'x-ayetstudios-security-hash'))];
        case 'cpx-research':
            return ['sample' => hash_equals(md5($get['trans_id'] . '-' . $secret), $get['secure_hash'])];
        case 'tapjoy':
            return ['sample' => hash_equals(md5("{$get['id']}:{$get['snuid']}:{$get['currency']}:$secret"), $get['verifier'])];
        case 'lootably':
            return ['sample' => hash_equals(hash('sha256', $get['userID'] . $get['ip'] . $get['revenue'] . $get['currencyReward'] . $secret), $get['hash'])];
        case 'adjoe':
            $text = $get['trans_uuid'] . $get['user_uuid'] . $get['currency'] . $get['coin_amount'] . $get['device_id'] . $get['sdk_app_id'];
            $cast = $get['trans_uuid'] . $get['user_uuid'] . $get['currency'] . (int) $get['coin_amount'] . $get['device_id'] . $get['sdk_app_id'];
            return ['sample' => hash_equals(sha1($text . $secret), $get['sid']), 'integer' => hash_equals(sha1($cast . $secret), $get['sid'])];
        case 'theorem-reach':
            return ['sample' => hash_equals(urlsafe(before($r, '&hash='), $secret), $get['hash'])];
        case 'pollfish':
            $data = [];
            foreach (['click_id', 'cpa', 'device_id', 'request_uuid', 'reward_name', 'reward_value', 'status', 'term_reason', 'timestamp', 'tx_id'] as $name) {
                if (isset($get[$name]) && ($name !== 'request_uuid' || !empty($get[$name]))) {
                    $data[] = rawurldecode($get[$name]);
                }
            }
            return ['sample' => hash_equals(base64_encode(hash_hmac('sha1', implode(':', $data), $secret, true)), $get['signature'])];
        case 'adgem':
            $read = $json();
            return ['sample' => hmac('sha256', $r['body'], $r, header_of($r, 'signature'))
                && isset($read['request_id'], $read['data']['conversion_id'], $read['data']['player_id'])];
        case 'cryptomus':
            $data = $json();
            $sign = $data['sign'];
            unset($data['sign']);
            return ['sample' => hash_equals(md5(base64_encode(json_encode($data, JSON_UNESCAPED_UNICODE)) . $secret), $sign)];
        case 'simpleswap':
            $data = $json();
            return ['sample' => hash_equals(sha1("{$data['messageId']}_{$data['publicId']}_{$data['status']}_$secret"), $data['verifyToken'])];
        case 'nowpayments':
            $data = $json();
            ksort($data);
            return ['json_encode' => hmac('sha512', json_encode($data, JSON_UNESCAPED_SLASHES), $r, header_of($r, 'x-nowpayments-sig'))];
        case 'github-style':
            return ['sample' => hash_equals('sha256=' . hash_hmac('sha256', $r['body'], $secret), header_of($r, 'x-hub-signature-256'))];
        case 'shopify-style':
            return ['sample' => hash_equals(base64_encode(hash_hmac('sha256', $r['body'], $secret, true)), header_of($r, 'x-shopify-hmac-sha256'))];
        case 'wannads':
        case 'bitswall':
        case 'bitcotasks':
        case 'offeroc':
        case 'walloffer':
            return ['sample' => hash_equals(md5($get['subId'] . $get['transId'] . $get['reward'] . $secret), $get['signature'])];
        case 'offertoro':
            return ['sample' => hash_equals(md5("{$get['oid']}-{$get['user_id']}-$secret"), $get['sig'])];
        case 'offerdaddy':
            return ['sample' => hash_equals(md5("{$get['transaction_id']}/{$get['offer_id']}/$secret"), $get['signature'])];
        case 'timewall':
            return ['sample' => hash_equals(hash('sha256', $get['userID'] . $get['revenue'] . $secret), $get['hash'])];
        case 'sparkwall':
            return ['sample' => hash_equals(md5($get['user_id'] . $get['transaction_id'] . $get['payout'] . $secret), $get['signature'])];
        case 'super-rewards':
            return ['sample' => hash_equals(md5("{$get['id']}:{$get['new']}:{$get['uid']}:$secret"), $get['sig'])];
        case 'fyber':
            $text = $secret . $get['uid'] . $get['amount'] . ($get['_trans_id_'] ?? '');
            for ($i = 0; $i < 10; $i++) {
                $text .= $get["pub$i"] ?? '';
            }
            return ['sample' => hash_equals(sha1($text), $get['sid'])];
        case 'notik':
            return ['sample' => hmac('sha1', before($r, '&hash='), $r, $get['hash']), 'Laravel' => hmac('sha1', laravel($r, 'hash'), $r, $get['hash'])];
        case 'inbrain':
            $data = $json();
            return ['sample' => hash_equals(md5($data['PanelistId'] . $data['RewardId'] . $secret), $data['Sig'])];
        case 'oxapay':
            return ['sample' => hmac('sha512', $r['body'], $r, header_of($r, 'hmac'))];
        case 'btcpay':
            return ['sample' => hash_equals('sha256=' . hash_hmac('sha256', $r['body'], $secret), header_of($r, 'btcpay-sig'))];
        case 'coinbase-commerce':
            return ['sample' => hmac('sha256', $r['body'], $r, header_of($r, 'x-cc-webhook-signature'))];
        case 'razorpay':
            return ['sample' => hmac('sha256', $r['body'], $r, header_of($r, 'x-razorpay-signature'))];
        case 'paystack':
            return ['sample' => hmac('sha512', $r['body'], $r, header_of($r, 'x-paystack-signature'))];
        case 'dv-net':
            return ['sample' => hash_equals(hash('sha256', $r['body'] . $secret), header_of($r, 'x-sign'))];
        case 'paddle-billing':
            preg_match('/^ts=(\d+);h1=([0-9a-f]+)$/', header_of($r, 'paddle-signature'), $found);
            return ['sample' => hmac('sha256', "$found[1]:{$r['body']}", $r, $found[2])];
        case 'cryptopay':
            return ['sample' => hmac('sha256', $r['body'], $r, header_of($r, 'x-cryptopay-signature'))];
        case 'example-network':
            return ['sample' => hash_equals(md5($get['tx'] . '-' . $secret), $get['sig'])];
        default:
            return [];
    }
}

while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    echo json_encode(['verdicts' => (object) verdicts($request['scheme'], $request)], JSON_THROW_ON_ERROR), "\n";
}
