<?php
// Compares what was decoded with the digest of what was sent; see checksum in
// hostile_test.go.
function accept(array $values): void
{
    if (isset($values['data']) && is_array($values['data'])) {
        $values = $values['data'];
    }
    ksort($values, SORT_STRING);
    $text = '';
    foreach ($values as $name => $value) {
        if (in_array((string) $name, ['sum', 'numbers', 'messageId', 'verifyToken'], true) || str_starts_with((string) $name, 'static')) {
            continue;
        }
        if (is_bool($value) || $value === null) {
            $value = json_encode($value);
        }
        if (is_string($value)) {
            $text .= strlen($value) . ":$name=$value\n";
        }
    }
    if (hash('sha256', $text) !== ($values['sum'] ?? null)) {
        throw new RuntimeException('the values are not those that were sent');
    }
}
