<?php
// What the networks publish for PHP: besitos rebuilds the URL from the decoded
// parameters, bitlabs cuts the signature off its end. /laravel sorts the
// parameters by name first, as frameworks do.
require __DIR__ . '/accept.php';

$secret = getenv('POSTBACK_SECRET');
$url = 'http://' . $_SERVER['HTTP_HOST'] . $_SERVER['REQUEST_URI'];
$parts = parse_url($url);
parse_str($parts['query'], $parameters);

if (str_starts_with($parts['path'], '/bitlabs')) {
    $signature = $parameters['hash'];
    $signed = substr($url, 0, -strlen("&hash=$signature"));
    $expected = hash_hmac('sha1', $signed, $secret);
    unset($parameters['hash']);
} else {
    $signature = $parameters['verifier'];
    unset($parameters['verifier']);
    if ($parts['path'] === '/laravel') {
        ksort($parameters);
    }
    $signed = $parts['scheme'] . '://' . $parts['host'] . $parts['path'] . '?'
        . http_build_query($parameters, '', '&', PHP_QUERY_RFC3986);
    $expected = hash_hmac('sha256', $signed, $secret);
}

if (!hash_equals($expected, $signature)) {
    http_response_code(403);
    exit;
}
http_response_code(500);
accept($parameters);
http_response_code(200);
