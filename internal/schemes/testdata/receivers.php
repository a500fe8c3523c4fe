<?php
// What publishers do in PHP with the requests of the shipped declarations, by
// the code that the networks document.
// One line of JSON in, {"scheme", "url", "headers", "body", "secret"}; one out.

function verify(string $scheme, array $r): bool
{
    $query = parse_url($r['url'], PHP_URL_QUERY) ?? '';
    parse_str($query, $get);
    $secret = $r['secret'];
    $headers = array_change_key_case($r['headers']);
    switch ($scheme) {
        case 'ayet-studios':
            ksort($get, SORT_STRING);
            $made = hash_hmac('sha256', http_build_query($get, '', '&'), $secret);
            return hash_equals($made, $headers['x-ayetstudios-security-hash']);
        case 'cpx-research':
            return hash_equals(md5($get['trans_id'] . '-' . $secret), $get['secure_hash']);
        case 'tapjoy':
            return hash_equals(md5("{$get['id']}:{$get['snuid']}:{$get['currency']}:$secret"), $get['verifier']);
        case 'lootably':
            return hash_equals(hash('sha256', $get['userID'] . $get['ip'] . $get['revenue'] . $get['currencyReward'] . $secret), $get['hash']);
        case 'adjoe':
            $text = $get['trans_uuid'] . $get['user_uuid'] . $get['currency'] . $get['coin_amount'] . $get['device_id'] . $get['sdk_app_id'];
            return hash_equals(sha1($text . $secret), $get['sid']);
        case 'theorem-reach':
            $url = substr($r['url'], 0, strrpos($r['url'], '&hash='));
            $made = rtrim(strtr(base64_encode(hash_hmac('sha1', $url, $secret, true)), '+/', '-_'), '=');
            return hash_equals($made, $get['hash']);
        case 'pollfish':
            $signature = $get['signature'];
            unset($get['signature'], $get['source']);
            ksort($get, SORT_STRING);
            $text = implode(':', array_filter($get, fn ($value) => $value !== ''));
            return hash_equals(base64_encode(hash_hmac('sha1', $text, $secret, true)), $signature);
        case 'adgem':
            return hash_equals(hash_hmac('sha256', $r['body'], $secret), $headers['signature']);
        case 'cryptomus':
            $data = json_decode($r['body'], true, 512, JSON_THROW_ON_ERROR);
            $sign = $data['sign'];
            unset($data['sign']);
            return hash_equals(md5(base64_encode(json_encode($data, JSON_UNESCAPED_UNICODE)) . $secret), $sign);
        case 'github-style':
            return hash_equals('sha256=' . hash_hmac('sha256', $r['body'], $secret), $headers['x-hub-signature-256']);
        case 'shopify-style':
            return hash_equals(base64_encode(hash_hmac('sha256', $r['body'], $secret, true)), $headers['x-shopify-hmac-sha256']);
        default:
            throw new RuntimeException("no receiver for $scheme");
    }
}

while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    echo json_encode(['valid' => verify($request['scheme'], $request)], JSON_THROW_ON_ERROR), "\n";
}
