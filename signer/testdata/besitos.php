<?php
// What a publisher does with a besitos postback: rebuild the URL from the
// parameters without the signature, as the network's sample code does, and as
// frameworks do that sort the parameters by name first.
// One line of JSON in, {"url", "secret"}; one line out.

function rebuild(array $url, array $parameters): string
{
    return $url['scheme'] . '://' . $url['host'] . $url['path'] . '?'
        . http_build_query($parameters, '', '&', PHP_QUERY_RFC3986);
}

while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    $url = parse_url($request['url']);
    parse_str($url['query'] ?? '', $parameters);
    $verifier = $parameters['verifier'] ?? '';
    unset($parameters['verifier']);

    $sorted = $parameters;
    ksort($sorted);
    echo json_encode([
        'documented' => hash_equals(hash_hmac('sha256', rebuild($url, $parameters), $request['secret']), $verifier),
        'sorted' => hash_equals(hash_hmac('sha256', rebuild($url, $sorted), $request['secret']), $verifier),
        'values' => (object) $parameters,
    ], JSON_THROW_ON_ERROR), "\n";
}
